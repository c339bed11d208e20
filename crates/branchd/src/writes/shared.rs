//! The write queue, shared by the callers that submit and the tasks that carry batches.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bank_ledger::{Applied, Command};
use tokio::sync::{Notify, oneshot};

use super::error::WriteError;
use super::queue::{Answers, Event, Next, Origin, Queue, Step, Submitted, Ticket};

/// Where a caller's answer goes.
pub(super) type Caller = oneshot::Sender<Result<Applied, WriteError>>;

/// The state machine behind a lock, which is held for no longer than one event. Answers are sent after it is released.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue<Caller>>,
    /// Calls a slot that rests.
    call: Notify,
}

impl Shared {
    /// `branch`: the number of this branch, for messages.
    pub(super) fn new(branch: u32) -> Self {
        Self {
            queue: Mutex::new(Queue::new(branch)),
            call: Notify::new(),
        }
    }

    /// Takes writes: all of them, or none.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] or [`WriteError::Stopping`].
    pub(super) fn submit(
        &self,
        writes: impl ExactSizeIterator<Item = (Command, Caller)>,
        deadline: Instant,
        origin: Origin,
    ) -> Result<Range<Ticket>, WriteError> {
        let Submitted { tickets, call } = self.lock().submit(writes, deadline, origin)?;
        if call {
            self.call.notify_one();
        }
        Ok(tickets)
    }

    /// The deadline of writes has passed: each is answered now, if it was not before.
    pub(super) fn expire(&self, tickets: Range<Ticket>) {
        let answers = self.lock().expire(tickets);
        send(answers);
    }

    /// The caller of writes is gone.
    pub(super) fn forget(&self, tickets: Range<Ticket>) {
        self.lock().forget(tickets);
    }

    /// Reports what happened at a slot, and sends the answers that follow. Returns what its owner does next.
    pub(super) fn report(&self, slot: usize, event: Event) -> Next {
        let Step { answers, next, call } = self.lock().handle(slot, event, Instant::now());
        if call {
            self.call.notify_one();
        }
        send(answers);
        next
    }

    /// Resolves when a slot that rests is called.
    pub(super) async fn called(&self) {
        self.call.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue<Caller>> {
        // Each event is taken up whole: a panic elsewhere leaves the queue sound.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(answers: Answers<Caller>) {
    for (caller, answer) in answers {
        // A caller that has just gone away asks again, with the same request id.
        let _ = caller.send(answer);
    }
}
