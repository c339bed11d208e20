//! The facts and settings about succession that the engine shares with the watcher.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::fitness::{FullDisks, Pace};
use super::signs::Signs;
use crate::config::Timing;
use crate::peers::{Identity, Peers};

/// The longest time that the ledger database of a leader may be busy with one piece of work is the election timeout,
/// and at least this. A healthy disk under load takes about 100 ms to sync, a failing disk takes seconds.
const BOOKS_BUSY_MAX: Duration = Duration::from_secs(1);
/// A branch has no leader if it has heard none for two election timeouts, and for at least this long. An election takes
/// no longer if one is possible.
const NO_LEADER_AFTER_MIN: Duration = Duration::from_secs(2);

/// What a branch knows that matters for who leads. Clones share it.
#[derive(Clone)]
pub(in crate::replication) struct Succession {
    pub(in crate::replication) signs: Signs,
    pub(in crate::replication) full_disks: FullDisks,
    pub(in crate::replication) pace: Pace,
    pub(super) timing: Timing,
    pub(super) identity: Identity,
    pub(super) peers: Peers,
    /// Held while this branch probes its leader because another branch asked for a pre-vote. One probe answers all.
    pub(super) probing: Arc<tokio::sync::Mutex<()>>,
    handed_over: Arc<Mutex<Option<Instant>>>,
}

impl Succession {
    pub(in crate::replication) fn new(identity: Identity, timing: Timing, peers: Peers) -> Self {
        Self {
            signs: Signs::new(),
            full_disks: FullDisks::default(),
            pace: Pace::default(),
            timing,
            identity,
            peers,
            probing: Arc::default(),
            handed_over: Arc::default(),
        }
    }

    /// The longest time that the ledger database may be busy with one piece of work while this branch leads.
    pub(super) fn books_busy_max(&self) -> Duration {
        self.timing.election_timeout.max(BOOKS_BUSY_MAX)
    }

    /// The time without a leader after which the bank has no leader.
    pub(super) fn no_leader_after(&self) -> Duration {
        self.timing.election_timeout_max().max(NO_LEADER_AFTER_MIN)
    }

    /// When this branch last handed the lead over.
    pub(super) fn handed_over(&self) -> MutexGuard<'_, Option<Instant>> {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
