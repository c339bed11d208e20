//! Why a branch has to end at once. The first reason stands. Each service looks here before it serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// A branch's reason to end, empty while there is none. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    reason: watch::Sender<Option<Arc<str>>>,
    /// Nothing is served any more, though the reason is still being worked out.
    closed: Arc<AtomicBool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            reason: watch::Sender::new(None),
            closed: Arc::default(),
        }
    }
}

impl Stop {
    /// Ends the branch. The reason is the whole of its last line: what happened, to what, and what to do.
    pub(crate) fn now(&self, reason: String) {
        self.serve_no_more();
        self.reason.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert_with(|| reason.into());
            first
        });
    }

    /// Has nothing served from now on. The reason follows.
    pub(crate) fn serve_no_more(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The reason, if there is one.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.reason.borrow().clone()
    }

    /// Whether the branch has to end: it serves nothing any more.
    pub(crate) fn is_set(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Resolves with the reason once there is one.
    pub(crate) async fn wait(&self) -> Arc<str> {
        let mut reason = self.reason.subscribe();
        let set = reason.wait_for(Option::is_some).await.map(|reason| reason.clone());
        match set {
            Ok(Some(reason)) => reason,
            // This value holds the sender, so that it cannot be gone.
            _ => std::future::pending().await,
        }
    }
}
