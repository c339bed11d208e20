//! The write queue, shared by the callers that submit and the tasks that carry batches.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bank_ledger::{Applied, Command};
use tokio::sync::{Notify, mpsc, oneshot};

use super::error::WriteError;
use super::queue::{Answers, Event, Next, Origin, Queue, Step, Submitted, Ticket};

/// The answer to one write.
pub(super) type Answer = Result<Applied, WriteError>;

/// Takes the answer to one write.
#[derive(Debug)]
pub(super) enum Caller {
    Single(oneshot::Sender<Answer>),
    /// The place of the write in a group that was queued together, and the channel for the answers of the group, which
    /// has room for all of them.
    Group(usize, mpsc::Sender<(usize, Answer)>),
}

impl Caller {
    fn tell(self, answer: Answer) {
        // An error means that the caller has just gone. A customer asks again with the same request id.
        match self {
            Self::Single(caller) => drop(caller.send(answer)),
            Self::Group(at, caller) => drop(caller.try_send((at, answer))),
        }
    }
}

/// The state machine behind a lock. The lock is held for at most one event. Answers are sent after it is released.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue<Caller>>,
    /// Calls a resting slot.
    call: Notify,
}

impl Shared {
    /// `branch` is the number of this branch, for messages.
    pub(super) fn new(branch: u32) -> Self {
        Self {
            queue: Mutex::new(Queue::new(branch)),
            call: Notify::new(),
        }
    }

    /// Takes all of the writes, or none of them.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] if too many writes wait; [`WriteError::Stopping`] if the branch is stopping.
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

    /// Answers the writes that have no answer yet, because their deadline has passed.
    pub(super) fn expire(&self, tickets: Range<Ticket>) {
        let answers = self.lock().expire(tickets);
        send(answers);
    }

    /// Records that the caller of these writes is gone.
    pub(super) fn forget(&self, tickets: Range<Ticket>) {
        self.lock().forget(tickets);
    }

    /// Reports an event at a slot, and sends the answers that follow from it. Returns what the slot's owner does next.
    pub(super) fn report(&self, slot: usize, event: Event) -> Next {
        let Step { answers, next, call } = self.lock().handle(slot, event, Instant::now());
        if call {
            self.call.notify_one();
        }
        send(answers);
        next
    }

    /// Waits until a resting slot is called.
    pub(super) async fn called(&self) {
        self.call.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue<Caller>> {
        // No code under the lock can panic, so the queue is consistent even if the lock is poisoned.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(answers: Answers<Caller>) {
    for (caller, answer) in answers {
        caller.tell(answer);
    }
}
