//! Signs of life of the leader: when it was last heard, and whether it is reached.
//!
//! A leader is heard when it sends entries or a heartbeat. It is reached while a call to it is open. A network that is
//! cut in one direction allows one without the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::types::LeaderId;

/// Signs of life of the leader. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::replication) struct Signs {
    known: Arc<Mutex<Known>>,
    suspected: Arc<Notify>,
}

/// The signs at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// When this branch last heard a leader, or last led.
    pub(super) heard: Instant,
    /// The leader that may have ended, and when that was noticed. `None`: a leader was heard since.
    pub(super) suspect: Option<(LeaderId, Instant)>,
    /// Since when no leader is reached. `None`: a leader is reached, or this branch leads.
    unreached: Option<Instant>,
}

impl Signs {
    /// Starts as if a leader was heard now and none is reached.
    pub(in crate::replication) fn new() -> Self {
        let now = Instant::now();
        let known = Known {
            heard: now,
            suspect: None,
            unreached: Some(now),
        };
        Self {
            known: Arc::new(Mutex::new(known)),
            suspected: Arc::default(),
        }
    }

    /// Records that a leader was heard, or that this branch leads.
    pub(in crate::replication) fn heard_now(&self) {
        let mut known = self.lock();
        (known.heard, known.suspect) = (Instant::now(), None);
    }

    /// Records whether a leader is reached from now on. A branch that leads counts as reached.
    pub(super) fn reached(&self, reached: bool) {
        let mut known = self.lock();
        known.unreached = match (reached, known.unreached) {
            (true, _) => None,
            (false, since) => since.or_else(|| Some(Instant::now())),
        };
    }

    /// Records a sign that this leader's process may have ended, and wakes the watcher.
    pub(super) fn suspect(&self, leader: LeaderId) {
        self.lock().suspect = Some((leader, Instant::now()));
        self.suspected.notify_one();
    }

    pub(super) fn known(&self) -> Known {
        *self.lock()
    }

    /// How long no leader was heard or no leader was reached, whichever is longer.
    pub(super) fn cut_off_for(&self) -> Duration {
        let known = self.known();
        let unreached = known.unreached.map_or(Duration::ZERO, |since| since.elapsed());
        unreached.max(known.heard.elapsed())
    }

    /// Waits until a leader is suspected. Returns at once if one was suspected since the last call.
    pub(super) async fn suspicion(&self) {
        self.suspected.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // The lock guards plain values, which are consistent even if it is poisoned.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
