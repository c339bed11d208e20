//! Does deeds to a cluster, one after the other, and keeps the book of faults: each is open until what it did is undone,
//! or overruled in each of its directions.

use super::deed::Deed;
use crate::clock::monotonic_us;
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::network::{Network, Passage, Ways};
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

/// Does deeds and keeps the book of them.
#[derive(Debug)]
pub struct Injector {
    /// Times count from here, in microseconds of the host's monotonic clock.
    origin_us: u64,
    faults: Vec<Fault>,
    /// The network's faults that are not over, by place in `faults`, with the directions in which they still hold.
    bent: Vec<(usize, BTreeSet<(u32, u32)>)>,
}

impl Injector {
    /// Nothing has been done yet.
    pub fn new(origin_us: u64) -> Self {
        Injector {
            origin_us,
            faults: Vec::new(),
            bent: Vec::new(),
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
        for (place, _) in &mut self.bent {
            *place = places.get(place).copied().unwrap_or(*place);
        }
    }

    /// Does it. What it changes begins or ends in the book with it.
    ///
    /// # Errors
    /// It cannot be done, and nothing was changed.
    pub async fn perform(&mut self, cluster: &Cluster, deed: Deed) -> Result<(), FaultError> {
        for branch in deed.named() {
            cluster.address(branch)?;
        }
        let from_us = self.now_us();
        match deed {
            Deed::Hold(branch) => self.bend(cluster, deed, Ways::To(branch), Passage::Hold)?,
            Deed::Delay(ways, by) => self.bend(cluster, deed, ways, Passage::Delay(by))?,
            Deed::Cut(ways) => self.bend(cluster, deed, ways, Passage::Cut)?,
            Deed::Heal(ways) => self.bend(cluster, deed, ways, Passage::Pass)?,
            Deed::Pause(branch) => {
                running(cluster, branch)?;
                cluster.pause(branch)?;
                self.begin(FaultKind::Pause { branch }, from_us);
            }
            Deed::Resume(branch) => {
                running(cluster, branch)?;
                cluster.resume(branch)?;
                self.end(&FaultKind::Pause { branch });
            }
            Deed::Kill(branch) => {
                running(cluster, branch)?;
                cluster.kill(branch).await?;
                self.end(&FaultKind::Pause { branch });
                self.begin(FaultKind::Kill { branch }, from_us);
            }
            Deed::Restart(branch) => {
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
            let bent = self.bent.iter().filter(|(place, _)| places.contains(place));
            let directions: Vec<_> = bent.flat_map(|(_, directions)| directions.iter().copied()).collect();
            for (from, to) in directions {
                network.bend(Ways::OneWay(from, to), Passage::Pass);
                self.overrule(network, Ways::OneWay(from, to));
            }
        }
        let mut undone = Ok(());
        for place in places {
            let open = self.faults.get(place).filter(|fault| fault.until_us.is_none());
            let deed = match open.map(|fault| &fault.kind) {
                Some(FaultKind::Pause { branch }) => Deed::Resume(*branch),
                Some(FaultKind::Kill { branch }) => Deed::Restart(*branch),
                Some(FaultKind::Hold { .. } | FaultKind::Delay { .. } | FaultKind::Cut { .. }) | None => continue,
            };
            undone = undone.and(self.perform(cluster, deed).await);
        }
        undone
    }

    fn bend(&mut self, cluster: &Cluster, deed: Deed, ways: Ways, passage: Passage) -> Result<(), FaultError> {
        let network = cluster.network().ok_or(FaultError::NoNetwork)?;
        let from_us = self.now_us();
        network.bend(ways, passage);
        self.overrule(network, ways);
        for (kind, ways) in deed.bent(&cluster.numbers()) {
            let directions: BTreeSet<_> = network.directions(ways).collect();
            if directions.is_empty() {
                // A bank of one branch: nothing is bent, and nothing would ever end it.
                continue;
            }
            self.bent.push((self.faults.len(), directions));
            self.faults.push(Fault {
                kind,
                from_us,
                until_us: None,
            });
        }
        Ok(())
    }

    /// These ways fare otherwise now; a fault that holds in no direction any more is over.
    fn overrule(&mut self, network: &Network, ways: Ways) {
        let until_us = self.now_us();
        let overruled: BTreeSet<_> = network.directions(ways).collect();
        for (place, directions) in &mut self.bent {
            directions.retain(|direction| !overruled.contains(direction));
            if let (true, Some(fault)) = (directions.is_empty(), self.faults.get_mut(*place)) {
                fault.until_us = Some(until_us);
            }
        }
        self.bent.retain(|(_, directions)| !directions.is_empty());
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
