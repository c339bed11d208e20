//! Performs fault actions on a cluster, one after the other, and records the faults. A fault is open until it is
//! undone. A network fault also ends when later actions have replaced it in all of its directions.

use super::action::FaultAction;
use crate::clock::monotonic_us;
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::network::{LinkSet, LinkState, Network};
use bank_check::history::{Fault, FaultKind};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use thiserror::Error;

/// Why an action could not be performed. Nothing was changed then.
#[derive(Debug, Error)]
pub enum FaultError {
    /// The branch to be paused, resumed or killed does not run.
    #[error("branch {0} does not run; restart it first")]
    Down(u32),
    /// The cluster has no relays.
    #[error("the network between the branches of this bank cannot be degraded: its branches reach each other directly")]
    NoNetwork,
    /// The operation on the cluster failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// Performs fault actions and records them.
#[derive(Debug)]
pub struct Injector {
    /// Origin of all recorded times, in microseconds of the host's monotonic clock.
    origin_us: u64,
    faults: Vec<Fault>,
    /// The open network faults: the index in `faults`, and the directions in which the fault still holds.
    degraded: Vec<(usize, BTreeSet<(u32, u32)>)>,
}

impl Injector {
    /// An injector without faults. Recorded times count from `origin_us`.
    pub fn new(origin_us: u64) -> Self {
        Injector {
            origin_us,
            faults: Vec::new(),
            degraded: Vec::new(),
        }
    }

    /// All recorded faults, in the order in which they began.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// True if the branch has been paused and not resumed.
    pub fn is_paused(&self, branch: u32) -> bool {
        self.is_open(&FaultKind::Pause { branch })
    }

    /// The faults that have not ended.
    pub fn open(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.until_us.is_none())
    }

    /// Removes the faults that have ended, so that the record of a bank that runs for a long time does not grow.
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

    /// Checks that an action can be performed now.
    ///
    /// # Errors
    /// The action cannot be performed.
    pub fn check(&self, cluster: &Cluster, action: FaultAction) -> Result<(), FaultError> {
        for branch in action.branches() {
            cluster.address(branch)?;
        }
        match action {
            FaultAction::Pause(branch) | FaultAction::Resume(branch) | FaultAction::Kill(branch) => {
                running(cluster, branch)
            }
            FaultAction::Restart(branch) => match cluster.pid(branch)? {
                Some(_) => Err(ClusterError::StillRuns(branch).into()),
                None => Ok(()),
            },
            FaultAction::Hold(_) | FaultAction::Delay(..) | FaultAction::Cut(_) | FaultAction::Heal(_) => {
                cluster.network().map(|_| ()).ok_or(FaultError::NoNetwork)
            }
        }
    }

    /// Performs an action, and records the faults that begin or end with it.
    ///
    /// # Errors
    /// The action cannot be performed. Nothing was changed then.
    pub async fn perform(&mut self, cluster: &Cluster, action: FaultAction) -> Result<(), FaultError> {
        self.check(cluster, action)?;
        let from_us = self.now_us();
        match action {
            FaultAction::Hold(branch) => self.set_links(cluster, action, LinkSet::To(branch), LinkState::Hold)?,
            FaultAction::Delay(links, by) => self.set_links(cluster, action, links, LinkState::Delay(by))?,
            FaultAction::Cut(links) => self.set_links(cluster, action, links, LinkState::Cut)?,
            FaultAction::Heal(links) => self.set_links(cluster, action, links, LinkState::Pass)?,
            FaultAction::Pause(branch) => {
                cluster.pause(branch)?;
                self.begin(FaultKind::Pause { branch }, from_us);
            }
            FaultAction::Resume(branch) => {
                cluster.resume(branch)?;
                self.end(&FaultKind::Pause { branch });
            }
            FaultAction::Kill(branch) => {
                cluster.kill(branch).await?;
                self.end(&FaultKind::Pause { branch });
                self.begin(FaultKind::Kill { branch }, from_us);
            }
            FaultAction::Restart(branch) => {
                cluster.restart(branch).await?;
                self.end(&FaultKind::Kill { branch });
                // The branch may have ended by itself while it was paused.
                self.end(&FaultKind::Pause { branch });
            }
        }
        Ok(())
    }

    /// Undoes the recorded faults with these indexes, as far as they are open. Links that later actions have changed
    /// stay as they are.
    ///
    /// # Errors
    /// The first fault that cannot be undone. All others are undone.
    pub async fn undo(&mut self, cluster: &Cluster, places: Range<usize>) -> Result<(), FaultError> {
        if let Some(network) = cluster.network() {
            let degraded = self.degraded.iter().filter(|(place, _)| places.contains(place));
            let directions: Vec<_> = degraded
                .flat_map(|(_, directions)| directions.iter().copied())
                .collect();
            let until_us = self.now_us();
            for (from, to) in directions {
                network.apply(LinkSet::OneWay(from, to), LinkState::Pass);
                self.replace(network, LinkSet::OneWay(from, to), until_us);
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
        self.replace(network, links, from_us);
        for (kind, links) in action.network_faults(&cluster.numbers()) {
            let directions: BTreeSet<_> = network.directions(links).collect();
            if directions.is_empty() {
                // A bank of one branch has no links: no later action would end this fault.
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

    /// Ends the open network faults on these links. A fault ends once it holds in no direction.
    fn replace(&mut self, network: &Network, links: LinkSet, until_us: u64) {
        let replaced: BTreeSet<_> = network.directions(links).collect();
        for (place, directions) in &mut self.degraded {
            directions.retain(|direction| !replaced.contains(direction));
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
