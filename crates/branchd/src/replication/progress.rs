//! A growing number that tasks can wait for. A step of the number wakes only the tasks that wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::waiters::{Ticket, Waiters};

/// A number that grows: a position, or a count of log entries. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Mutex<Waiters<oneshot::Sender<()>>>>);

impl Progress {
    pub(crate) fn new(at: u64) -> Self {
        Self(Arc::new(Mutex::new(Waiters::new(at))))
    }

    /// The current number.
    pub(crate) fn at(&self) -> u64 {
        self.lock().at()
    }

    /// Sets the number, and wakes the tasks that waited for it or for less.
    pub(crate) fn reach(&self, at: u64) {
        let reached = self.lock().reach(at);
        for waiter in reached {
            // An error means that the task has just stopped waiting.
            let _ = waiter.send(());
        }
    }

    /// Waits until the number is at least `needed`. A dropped wait leaves nothing behind.
    pub(crate) async fn wait_for(&self, needed: u64) {
        let (wake, woken) = oneshot::channel();
        let Some(ticket) = self.lock().add(needed, wake) else {
            return;
        };
        let _place = Place { progress: self, ticket };
        // The sender is dropped unused only by `_place`, and that happens after this wait.
        let _ = woken.await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiters<oneshot::Sender<()>>> {
        // Each change is one call on a map, so the map is consistent even if the lock is poisoned.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the waiters. Dropping it removes the waiter.
struct Place<'a> {
    progress: &'a Progress,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.progress.lock().remove(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn waits_end_when_the_number_is_reached_and_leave_nothing_when_they_are_given_up() {
        let progress = Progress::new(7);
        progress.wait_for(7).await;
        let (mut near, mut far) = (Box::pin(progress.wait_for(8)), Box::pin(progress.wait_for(9)));
        assert!(near.as_mut().now_or_never().is_none() && far.as_mut().now_or_never().is_none());
        assert_eq!(progress.lock().len(), 2);
        progress.reach(8);
        assert!(near.as_mut().now_or_never().is_some(), "woken");
        assert!(far.as_mut().now_or_never().is_none(), "not yet");
        drop(far);
        assert_eq!(progress.lock().len(), 0);
        assert_eq!(progress.at(), 8);
    }
}
