//! What this branch knows of its leader: when it was last heard, and whether it is reached.
//!
//! A leader is heard when it sends entries or a heartbeat. It is reached while a call to it is open. Either may be without
//! the other, where the network is cut one way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::replication::types::LeaderId;

/// The signs of a leader. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::replication) struct Signs {
    known: Arc<Mutex<Known>>,
    suspected: Arc<Notify>,
}

/// What is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// When a leader last said something, or this branch last led.
    pub(super) heard: Instant,
    /// Which leader there is reason to look after, and since when; nothing was heard since.
    pub(super) suspect: Option<(LeaderId, Instant)>,
    /// Since when no leader is reached; `None`: one is, or this branch leads.
    unreached: Option<Instant>,
}

impl Signs {
    /// The silence begins now.
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

    /// A leader is there, or this branch leads.
    pub(in crate::replication) fn heard_now(&self) {
        let mut known = self.lock();
        (known.heard, known.suspect) = (Instant::now(), None);
    }

    /// Whether a leader is reached from now on, or this branch leads.
    pub(super) fn reached(&self, reached: bool) {
        let mut known = self.lock();
        known.unreached = match (reached, known.unreached) {
            (true, _) => None,
            (false, since) => since.or_else(|| Some(Instant::now())),
        };
    }

    /// There is a reason to look whether this leader is still there.
    pub(super) fn suspect(&self, leader: LeaderId) {
        self.lock().suspect = Some((leader, Instant::now()));
        self.suspected.notify_one();
    }

    pub(super) fn known(&self) -> Known {
        *self.lock()
    }

    /// How long no leader was heard, or none was reached, whichever is longer.
    pub(super) fn cut_off_for(&self) -> Duration {
        let known = self.known();
        let unreached = known.unreached.map_or(Duration::ZERO, |since| since.elapsed());
        unreached.max(known.heard.elapsed())
    }

    /// Resolves when a leader is suspected; at once if one was since the last call.
    pub(super) async fn suspicion(&self) {
        self.suspected.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Plain values.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
