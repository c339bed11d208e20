//! The reason why a branch has to end at once. The first reason is kept. Every service checks it before it serves a
//! call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The reason why a branch has to end, if there is one. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    reason: watch::Sender<Option<Arc<str>>>,
    /// Whether the branch has stopped serving calls. The reason may still be unknown.
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
    /// Ends the branch. The reason is the whole last line of the branch: what happened, to what, and what to do now.
    pub(crate) fn now(&self, reason: String) {
        self.serve_no_more();
        self.reason.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert_with(|| reason.into());
            first
        });
    }

    /// Stops serving calls. The reason follows with [`Self::now`].
    pub(crate) fn serve_no_more(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.reason.borrow().clone()
    }

    /// Whether the branch has stopped serving calls.
    pub(crate) fn is_set(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Resolves with the reason once there is one.
    pub(crate) async fn wait(&self) -> Arc<str> {
        let mut reason = self.reason.subscribe();
        let set = reason.wait_for(Option::is_some).await.map(|reason| reason.clone());
        match set {
            Ok(Some(reason)) => reason,
            // This value holds the sender, so the wait cannot fail.
            _ => std::future::pending().await,
        }
    }
}
