//! What makes a branch unfit to lead: a full disk, or a ledger database that waits for the disk.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The replicas that have reported a full disk. Clones share the set.
#[derive(Debug, Clone, Default)]
pub(in crate::replication) struct FullDisks(Arc<Mutex<BTreeSet<u64>>>);

impl FullDisks {
    /// Records whether a replica reports a full disk.
    pub(in crate::replication) fn tell(&self, replica: u64, full: bool) {
        let mut replicas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if full {
            replicas.insert(replica);
        } else {
            replicas.remove(&replica);
        }
    }

    pub(super) fn include(&self, replica: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&replica)
    }
}

/// The time at which the ledger database began its current piece of work. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::replication) struct Pace(Arc<Mutex<Option<Instant>>>);

impl Pace {
    /// Records the begin of a piece of work, which ends when the returned value is dropped. The database does one at a
    /// time.
    pub(in crate::replication) fn begin(&self) -> Busy {
        self.set(Some(Instant::now()));
        Busy(self.clone())
    }

    pub(super) fn busy_for(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// A piece of work of the ledger database. Dropping it ends the work.
#[derive(Debug)]
pub(in crate::replication) struct Busy(Pace);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
