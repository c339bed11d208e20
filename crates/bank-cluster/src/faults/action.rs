//! The actions of fault injection, and the faults that a history records of them.

use crate::network::LinkSet;
use bank_check::history::FaultKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// An action on a running bank: it begins a fault, or ends one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// Holds back all messages to this branch, in order, until the hold ends.
    Hold(u32),
    /// Delays all messages on these links by this time.
    Delay(LinkSet, Duration),
    /// Cuts these links: no message passes.
    Cut(LinkSet),
    /// Lets all messages pass on these links again. Messages that were held or delayed go on at once.
    Heal(LinkSet),
    /// Pauses a branch (SIGSTOP): it keeps its connections and answers nothing.
    Pause(u32),
    /// Resumes a paused branch (SIGCONT).
    Resume(u32),
    /// Kills a branch (SIGKILL).
    Kill(u32),
    /// Restarts a branch that has ended, on its data.
    Restart(u32),
}

impl FaultAction {
    /// The branches that the action names.
    pub fn branches(self) -> impl Iterator<Item = u32> {
        let links = match self {
            FaultAction::Delay(links, _) | FaultAction::Cut(links) | FaultAction::Heal(links) => links,
            FaultAction::Hold(branch)
            | FaultAction::Pause(branch)
            | FaultAction::Resume(branch)
            | FaultAction::Kill(branch)
            | FaultAction::Restart(branch) => LinkSet::Around(branch),
        };
        links.branches()
    }

    /// True if the action changes links. Only a relayed cluster has links that can change.
    pub fn needs_relays(self) -> bool {
        matches!(
            self,
            FaultAction::Hold(_) | FaultAction::Delay(..) | FaultAction::Cut(_) | FaultAction::Heal(_)
        )
    }

    /// The action that undoes this one. `None` for an action that ends a fault.
    pub fn undone_by(self) -> Option<FaultAction> {
        match self {
            FaultAction::Hold(branch) => Some(FaultAction::Heal(LinkSet::To(branch))),
            FaultAction::Delay(links, _) | FaultAction::Cut(links) => Some(FaultAction::Heal(links)),
            FaultAction::Pause(branch) => Some(FaultAction::Resume(branch)),
            FaultAction::Kill(branch) => Some(FaultAction::Restart(branch)),
            FaultAction::Heal(_) | FaultAction::Resume(_) | FaultAction::Restart(_) => None,
        }
    }

    /// The network faults that a history records for this action in a bank of these branches, each with its links. A
    /// heal is recorded as the end of other faults.
    pub(super) fn network_faults(self, branches: &[u32]) -> Vec<(FaultKind, LinkSet)> {
        match self {
            FaultAction::Hold(to) => vec![(FaultKind::Hold { to }, LinkSet::To(to))],
            FaultAction::Cut(links) => cuts(links),
            FaultAction::Delay(links, by) => delays(links, by, branches),
            FaultAction::Heal(_)
            | FaultAction::Pause(_)
            | FaultAction::Resume(_)
            | FaultAction::Kill(_)
            | FaultAction::Restart(_) => Vec::new(),
        }
    }
}

fn cuts(links: LinkSet) -> Vec<(FaultKind, LinkSet)> {
    let parts = match links {
        LinkSet::Around(branch) => vec![LinkSet::From(branch), LinkSet::To(branch)],
        LinkSet::Between(one, other) => vec![LinkSet::OneWay(one, other), LinkSet::OneWay(other, one)],
        other => vec![other],
    };
    let cut = |part: LinkSet| {
        let (from, to) = ends(part);
        (FaultKind::Cut { from, to }, part)
    };
    parts.into_iter().map(cut).collect()
}

fn delays(links: LinkSet, by: Duration, branches: &[u32]) -> Vec<(FaultKind, LinkSet)> {
    let others = |branch: u32| branches.iter().copied().filter(move |other| *other != branch);
    let parts: Vec<LinkSet> = match links {
        LinkSet::All => branches.iter().copied().map(LinkSet::To).collect(),
        LinkSet::From(branch) => others(branch).map(|other| LinkSet::OneWay(branch, other)).collect(),
        LinkSet::Around(branch) => {
            let away = others(branch).map(|other| LinkSet::OneWay(branch, other));
            [LinkSet::To(branch)].into_iter().chain(away).collect()
        }
        LinkSet::Between(one, other) => vec![LinkSet::OneWay(one, other), LinkSet::OneWay(other, one)],
        other => vec![other],
    };
    let by_us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    let delay = |part: LinkSet| match ends(part) {
        (from, Some(to)) => Some((FaultKind::Delay { from, to, by_us }, part)),
        // Each part above has a `to`.
        (_, None) => None,
    };
    parts.into_iter().filter_map(delay).collect()
}

/// The sender and the receiver. `None` stands for all other branches.
fn ends(part: LinkSet) -> (Option<u32>, Option<u32>) {
    match part {
        LinkSet::OneWay(from, to) => (Some(from), Some(to)),
        LinkSet::To(to) => (None, Some(to)),
        LinkSet::From(from) => (Some(from), None),
        LinkSet::All | LinkSet::Around(_) | LinkSet::Between(..) => (None, None),
    }
}

/// Writes the action in words: `hold what is sent to branch 2`, `cut branches 1 and 3`.
impl fmt::Display for FaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultAction::Hold(branch) => write!(f, "hold what is sent to branch {branch}"),
            FaultAction::Delay(links, by) => write!(f, "delay {links} by {by:?}"),
            FaultAction::Cut(links) => write!(f, "cut {links}"),
            FaultAction::Heal(links) => write!(f, "heal {links}"),
            FaultAction::Pause(branch) => write!(f, "pause branch {branch}"),
            FaultAction::Resume(branch) => write!(f, "resume branch {branch}"),
            FaultAction::Kill(branch) => write!(f, "kill branch {branch}"),
            FaultAction::Restart(branch) => write!(f, "restart branch {branch}"),
        }
    }
}
