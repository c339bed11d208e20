//! What can be done to a bank, and what of it a history tells.

use crate::network::Ways;
use bank_check::history::FaultKind;
use std::fmt;
use std::time::Duration;

/// One thing that is done to a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// What is sent to this branch is kept, in order, until it may pass.
    Hold(u32),
    /// What goes these ways arrives this much later.
    Delay(Ways, Duration),
    /// Nothing goes these ways.
    Cut(Ways),
    /// Everything passes these ways again; what was held or delayed goes on at once.
    Heal(Ways),
    /// SIGSTOP: the branch keeps its connections and answers nothing.
    Pause(u32),
    /// SIGCONT.
    Resume(u32),
    /// `kill -9`.
    Kill(u32),
    /// Starts a branch that has ended, on its own data.
    Restart(u32),
}

impl Deed {
    /// The branches that it names.
    pub fn named(self) -> impl Iterator<Item = u32> {
        let ways = match self {
            Deed::Delay(ways, _) | Deed::Cut(ways) | Deed::Heal(ways) => ways,
            Deed::Hold(branch)
            | Deed::Pause(branch)
            | Deed::Resume(branch)
            | Deed::Kill(branch)
            | Deed::Restart(branch) => Ways::Around(branch),
        };
        ways.named()
    }

    /// Whether it takes a network that can be bent.
    pub fn bends_network(self) -> bool {
        matches!(self, Deed::Hold(_) | Deed::Delay(..) | Deed::Cut(_) | Deed::Heal(_))
    }

    /// What undoes it; nothing undoes what undoes.
    pub fn undone_by(self) -> Option<Deed> {
        match self {
            Deed::Hold(branch) => Some(Deed::Heal(Ways::To(branch))),
            Deed::Delay(ways, _) | Deed::Cut(ways) => Some(Deed::Heal(ways)),
            Deed::Pause(branch) => Some(Deed::Resume(branch)),
            Deed::Kill(branch) => Some(Deed::Restart(branch)),
            Deed::Heal(_) | Deed::Resume(_) | Deed::Restart(_) => None,
        }
    }

    /// What a history tells of the network that it bends, each part with its ways, in a bank of these branches. What heals
    /// is told as the end of what it heals.
    pub(super) fn bent(self, branches: &[u32]) -> Vec<(FaultKind, Ways)> {
        match self {
            Deed::Hold(to) => vec![(FaultKind::Hold { to }, Ways::To(to))],
            Deed::Cut(ways) => cuts(ways),
            Deed::Delay(ways, by) => delays(ways, by, branches),
            Deed::Heal(_) | Deed::Pause(_) | Deed::Resume(_) | Deed::Kill(_) | Deed::Restart(_) => Vec::new(),
        }
    }
}

fn cuts(ways: Ways) -> Vec<(FaultKind, Ways)> {
    let parts = match ways {
        Ways::Around(branch) => vec![Ways::From(branch), Ways::To(branch)],
        Ways::Between(one, other) => vec![Ways::OneWay(one, other), Ways::OneWay(other, one)],
        other => vec![other],
    };
    let cut = |part: Ways| {
        let (from, to) = ends(part);
        (FaultKind::Cut { from, to }, part)
    };
    parts.into_iter().map(cut).collect()
}

fn delays(ways: Ways, by: Duration, branches: &[u32]) -> Vec<(FaultKind, Ways)> {
    let others = |branch: u32| branches.iter().copied().filter(move |other| *other != branch);
    let parts: Vec<Ways> = match ways {
        Ways::All => branches.iter().copied().map(Ways::To).collect(),
        Ways::From(branch) => others(branch).map(|other| Ways::OneWay(branch, other)).collect(),
        Ways::Around(branch) => {
            let away = others(branch).map(|other| Ways::OneWay(branch, other));
            [Ways::To(branch)].into_iter().chain(away).collect()
        }
        Ways::Between(one, other) => vec![Ways::OneWay(one, other), Ways::OneWay(other, one)],
        other => vec![other],
    };
    let by_us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    let delay = |part: Ways| match ends(part) {
        (from, Some(to)) => Some((FaultKind::Delay { from, to, by_us }, part)),
        // There is none: each part above has a `to`.
        (_, None) => None,
    };
    parts.into_iter().filter_map(delay).collect()
}

/// From and to; `None` stands for all others.
fn ends(part: Ways) -> (Option<u32>, Option<u32>) {
    match part {
        Ways::OneWay(from, to) => (Some(from), Some(to)),
        Ways::To(to) => (None, Some(to)),
        Ways::From(from) => (Some(from), None),
        Ways::All | Ways::Around(_) | Ways::Between(..) => (None, None),
    }
}

/// `hold what is sent to branch 2`, `cut branches 1 and 3`.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Hold(branch) => write!(f, "hold what is sent to branch {branch}"),
            Deed::Delay(ways, by) => write!(f, "delay {ways} by {by:?}"),
            Deed::Cut(ways) => write!(f, "cut {ways}"),
            Deed::Heal(ways) => write!(f, "heal {ways}"),
            Deed::Pause(branch) => write!(f, "pause branch {branch}"),
            Deed::Resume(branch) => write!(f, "resume branch {branch}"),
            Deed::Kill(branch) => write!(f, "kill branch {branch}"),
            Deed::Restart(branch) => write!(f, "restart branch {branch}"),
        }
    }
}
