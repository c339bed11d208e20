//! Performs fault actions on a cluster, one after the other, and records the faults: each is open until it is undone, or
//! overruled in each of its directions.

use super::action::FaultAction;
use crate::clock::monotonic_us;
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::network::{LinkSet, LinkState, Network};
use bank_check::history::{Fault, FaultKind};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use thiserror::Error;

/// Why something could not be done. Nothing was changed then.
#[derive(Debug, Error)]
pub enum FaultError {
    /// There is no such process to be paused, resumed or killed.
    #[error("branch {0} does not run; restart it first")]
    Down(u32),
    /// Its branches reach each other directly.
    #[error("the network between the branches of this bank cannot be bent: its branches reach each other directly")]
    NoNetwork,
    /// The cluster does not do it.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// Performs fault actions and records them.
#[derive(Debug)]
pub struct Injector {
    /// Times count from here, in microseconds of the host's monotonic clock.
    origin_us: u64,
    faults: Vec<Fault>,
    /// The network's faults that are not over, by place in `faults`, with the directions in which they still hold.
    degraded: Vec<(usize, BTreeSet<(u32, u32)>)>,
}

impl Injector {
    /// Nothing has been done yet.
    pub fn new(origin_us: u64) -> Self {
        Injector {
            origin_us,
            faults: Vec::new(),
            degraded: Vec::new(),
        }
    }

    /// Everything that was done, in the order in which it began.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whether a branch has been paused and not resumed.
    pub fn is_paused(&self, branch: u32) -> bool {
        self.is_open(&FaultKind::Pause { branch })
    }

    /// Those that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.until_us.is_none())
    }

    /// Forgets what is over, where nobody will read the book and it must not grow for ever.
    pub fn forget_over(&mut self) {
        let mut places = BTreeMap::new();
        for (place, fault) in std::mem::take(&mut self.faults).into_iter().enumerate() {
            if fault.until_us.is_none() {
                places.insert(place, self.faults.len());
                self.faults.push(fault);
            }
        }
        for (place, _) in &mut self.degraded {
            *place = places.get(place).copied().unwrap_or(*place);
        }
    }

    /// Does it. What it changes begins or ends in the book with it.
    ///
    /// # Errors
    /// It cannot be done, and nothing was changed.
    pub async fn perform(&mut self, cluster: &Cluster, action: FaultAction) -> Result<(), FaultError> {
        for branch in action.branches() {
            cluster.address(branch)?;
        }
        let from_us = self.now_us();
        match action {
            FaultAction::Hold(branch) => self.set_links(cluster, action, LinkSet::To(branch), LinkState::Hold)?,
            FaultAction::Delay(links, by) => self.set_links(cluster, action, links, LinkState::Delay(by))?,
            FaultAction::Cut(links) => self.set_links(cluster, action, links, LinkState::Cut)?,
            FaultAction::Heal(links) => self.set_links(cluster, action, links, LinkState::Pass)?,
            FaultAction::Pause(branch) => {
                running(cluster, branch)?;
                cluster.pause(branch)?;
                self.begin(FaultKind::Pause { branch }, from_us);
            }
            FaultAction::Resume(branch) => {
                running(cluster, branch)?;
                cluster.resume(branch)?;
                self.end(&FaultKind::Pause { branch });
            }
            FaultAction::Kill(branch) => {
                running(cluster, branch)?;
                cluster.kill(branch).await?;
                self.end(&FaultKind::Pause { branch });
                self.begin(FaultKind::Kill { branch }, from_us);
            }
            FaultAction::Restart(branch) => {
                cluster.restart(branch).await?;
                self.end(&FaultKind::Kill { branch });
                // One that ended by itself while it was paused is not any more.
                self.end(&FaultKind::Pause { branch });
            }
        }
        Ok(())
    }

    /// Undoes what these faults of the book still do, by their places in it: what others have overruled since stays as those
    /// left it.
    ///
    /// # Errors
    /// The first of those that cannot be undone; the others are all the same.
    pub async fn undo(&mut self, cluster: &Cluster, places: Range<usize>) -> Result<(), FaultError> {
        if let Some(network) = cluster.network() {
            let degraded = self.degraded.iter().filter(|(place, _)| places.contains(place));
            let directions: Vec<_> = degraded
                .flat_map(|(_, directions)| directions.iter().copied())
                .collect();
            let until_us = self.now_us();
            for (from, to) in directions {
                network.apply(LinkSet::OneWay(from, to), LinkState::Pass);
                self.overrule(network, LinkSet::OneWay(from, to), until_us);
            }
        }
        let mut undone = Ok(());
        for place in places {
            let open = self.faults.get(place).filter(|fault| fault.until_us.is_none());
            let action = match open.map(|fault| &fault.kind) {
                Some(FaultKind::Pause { branch }) => FaultAction::Resume(*branch),
                Some(FaultKind::Kill { branch }) => FaultAction::Restart(*branch),
                Some(FaultKind::Hold { .. } | FaultKind::Delay { .. } | FaultKind::Cut { .. }) | None => continue,
            };
            undone = undone.and(self.perform(cluster, action).await);
        }
        undone
    }

    fn set_links(
        &mut self,
        cluster: &Cluster,
        action: FaultAction,
        links: LinkSet,
        state: LinkState,
    ) -> Result<(), FaultError> {
        let network = cluster.network().ok_or(FaultError::NoNetwork)?;
        let from_us = self.now_us();
        network.apply(links, state);
        self.overrule(network, links, from_us);
        for (kind, links) in action.network_faults(&cluster.numbers()) {
            let directions: BTreeSet<_> = network.directions(links).collect();
            if directions.is_empty() {
                // A bank of one branch: nothing is bent, and nothing would ever end it.
                continue;
            }
            self.degraded.push((self.faults.len(), directions));
            self.faults.push(Fault {
                kind,
                from_us,
                until_us: None,
            });
        }
        Ok(())
    }

    /// These ways fare otherwise now; a fault that holds in no direction any more is over.
    fn overrule(&mut self, network: &Network, links: LinkSet, until_us: u64) {
        let overruled: BTreeSet<_> = network.directions(links).collect();
        for (place, directions) in &mut self.degraded {
            directions.retain(|direction| !overruled.contains(direction));
            if let (true, Some(fault)) = (directions.is_empty(), self.faults.get_mut(*place)) {
                fault.until_us = Some(until_us);
            }
        }
        self.degraded.retain(|(_, directions)| !directions.is_empty());
    }

    fn begin(&mut self, kind: FaultKind, from_us: u64) {
        if !self.is_open(&kind) {
            self.faults.push(Fault {
                kind,
                from_us,
                until_us: None,
            });
        }
    }

    fn end(&mut self, kind: &FaultKind) {
        let until_us = Some(self.now_us());
        let open = self.faults.iter_mut().filter(|fault| fault.until_us.is_none());
        open.filter(|fault| fault.kind == *kind)
            .for_each(|fault| fault.until_us = until_us);
    }

    fn is_open(&self, kind: &FaultKind) -> bool {
        self.open().any(|fault| fault.kind == *kind)
    }

    fn now_us(&self) -> u64 {
        monotonic_us().saturating_sub(self.origin_us)
    }
}

fn running(cluster: &Cluster, branch: u32) -> Result<(), FaultError> {
    match cluster.pid(branch)? {
        Some(_) => Ok(()),
        None => Err(FaultError::Down(branch)),
    }
}
