//! What makes a branch unfit to lead: a full disk, or books that wait for the disk.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The replicas that have said that their disks are full. Clones share them.
#[derive(Debug, Clone, Default)]
pub(in crate::replication) struct FullDisks(Arc<Mutex<BTreeSet<u64>>>);

impl FullDisks {
    /// A replica says whether its disk is full.
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

/// Since when the books are busy with the piece of work that they have in hand. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::replication) struct Pace(Arc<Mutex<Option<Instant>>>);

impl Pace {
    /// A piece of work begins; it ends when the value is dropped. The books do one at a time.
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

/// A piece of work of the books.
#[derive(Debug)]
pub(in crate::replication) struct Busy(Pace);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
