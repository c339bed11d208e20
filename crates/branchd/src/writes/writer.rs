//! The entry to the write queue, for the services.

use std::ops::Range;
use std::sync::Arc;

use bank_ledger::{Applied, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::WriteError;
use super::queue::{Origin, SLOTS, Ticket};
use super::shared::{Answer, Caller, Shared};
use super::worker::Worker;
use crate::peers::{Identity, Peers};
use crate::replication::engine::Engine;

/// Takes writes. Clones share one queue.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

impl Writer {
    /// Starts the tasks that carry batches to the leader. After `stopping` they answer every write, and then they end.
    pub(crate) fn start(
        identity: Identity,
        engine: &Engine,
        peers: &Peers,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared::new(identity.branch));
        for slot in 0..SLOTS {
            let worker = Worker {
                slot,
                identity,
                engine: engine.clone(),
                peers: peers.clone(),
                shared: Arc::clone(&shared),
                stopping: stopping.clone(),
            };
            tasks.spawn(worker.run());
        }
        Self(shared)
    }

    /// Submits a customer's command, and waits for its outcome.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub(crate) async fn submit(&self, command: Command, deadline: Instant) -> Result<Applied, WriteError> {
        let (caller, answered) = oneshot::channel();
        let write = std::iter::once((command, Caller::Single(caller)));
        let mut place = Place::take(&self.0, write, deadline, Origin::Customer)?;
        place.answer(answered, deadline).await
    }

    /// Submits commands that another branch forwarded to this branch, and waits for their outcomes. Either all of them
    /// are queued or none, so after an overload none is applied.
    ///
    /// # Errors
    /// [`WriteError::Unknown`] if a command may have been applied. Any other error means that none was applied.
    pub(crate) async fn submit_forwarded(
        &self,
        commands: Vec<Command>,
        deadline: Instant,
    ) -> Result<Vec<Applied>, WriteError> {
        let group = self.queue_together(commands, deadline, Origin::Branch)?;
        all_applied(group.outcomes().await)
    }

    /// Queues commands of one customer, at most [`BATCH_LEN_MAX`](super::queue::BATCH_LEN_MAX). They are decided in
    /// their order. Either all of them are queued or none.
    ///
    /// # Errors
    /// See [`WriteError`]. No command was queued.
    pub(crate) fn submit_group(&self, commands: Vec<Command>, deadline: Instant) -> Result<Group, WriteError> {
        self.queue_together(commands, deadline, Origin::Customer)
    }

    fn queue_together(&self, commands: Vec<Command>, deadline: Instant, origin: Origin) -> Result<Group, WriteError> {
        let len = commands.len();
        // One channel for all of them. It ends when every write has its answer.
        let (caller, answered) = mpsc::channel(len.max(1));
        let writes = commands.into_iter().enumerate();
        let writes = writes.map(|(at, command)| (command, Caller::Group(at, caller.clone())));
        let unanswered = self.0.submit(writes, deadline.into_std(), origin)?;
        Ok(Group {
            writer: self.clone(),
            unanswered,
            answered,
            len,
            deadline,
        })
    }
}

/// Commands that were queued together. Dropping the value before [`Self::outcomes`] leaves them in the queue until their
/// deadline.
pub(crate) struct Group {
    writer: Writer,
    unanswered: Range<Ticket>,
    answered: mpsc::Receiver<(usize, Answer)>,
    len: usize,
    deadline: Instant,
}

impl Group {
    /// Waits for the outcomes, in the order of the commands, at most until the deadline.
    pub(crate) async fn outcomes(mut self) -> Vec<Answer> {
        let mut place = Place {
            shared: &self.writer.0,
            unanswered: self.unanswered,
        };
        // If the task that held an answer is gone, nothing is known about the write.
        let mut answers = vec![Err(WriteError::Unknown); self.len];
        if timeout_at(self.deadline, gather(&mut self.answered, &mut answers))
            .await
            .is_err()
        {
            place.shared.expire(place.unanswered.clone());
            gather(&mut self.answered, &mut answers).await;
        }
        place.unanswered = 0..0;
        answers
    }
}

/// Takes the answers of a group until each of its writes has one.
async fn gather(answered: &mut mpsc::Receiver<(usize, Answer)>, answers: &mut [Answer]) {
    while let Some((at, answer)) = answered.recv().await {
        answers[at] = answer;
    }
}

/// Combines the answers to commands that were forwarded together.
///
/// # Errors
/// One error that is true for all of the commands.
fn all_applied(answers: Vec<Answer>) -> Result<Vec<Applied>, WriteError> {
    let mut applied = Vec::with_capacity(answers.len());
    let mut failed: Option<WriteError> = None;
    for answer in answers {
        match answer {
            Ok(outcome) => applied.push(outcome),
            Err(error) if error.may_be_applied() => failed = Some(WriteError::Unknown),
            Err(definite) => failed = failed.or(Some(definite)),
        }
    }
    match failed {
        None => Ok(applied),
        // Some commands were applied and others were not. No definite error is true for all of them.
        Some(_) if !applied.is_empty() => Err(WriteError::Unknown),
        Some(error) => Err(error),
    }
}

/// The unanswered writes of one caller in the queue, in order. Dropping the value gives them up.
struct Place<'a> {
    shared: &'a Shared,
    unanswered: Range<Ticket>,
}

impl<'a> Place<'a> {
    fn take(
        shared: &'a Shared,
        writes: impl ExactSizeIterator<Item = (Command, Caller)>,
        deadline: Instant,
        origin: Origin,
    ) -> Result<Self, WriteError> {
        let unanswered = shared.submit(writes, deadline.into_std(), origin)?;
        Ok(Self { shared, unanswered })
    }

    /// Waits for the answer to the next write, at most until the deadline.
    async fn answer(&mut self, mut answered: oneshot::Receiver<Answer>, deadline: Instant) -> Answer {
        let answer = match timeout_at(deadline, &mut answered).await {
            Ok(answer) => answer,
            Err(_) => {
                self.shared.expire(self.unanswered.clone());
                answered.await
            }
        };
        self.unanswered.start += 1;
        // If the task that held the answer is gone, nothing is known about the write.
        answer.unwrap_or(Err(WriteError::Unknown))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.unanswered.is_empty() {
            self.shared.forget(self.unanswered.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_ledger::Outcome;

    #[test]
    fn one_answer_is_true_of_all_forwarded_commands() {
        let applied = || {
            Ok(Applied {
                position: 1,
                outcome: Outcome::IdReused,
                repeated: false,
            })
        };
        let not_leader = || Err(WriteError::NotLeader { branch: 7 });
        let in_doubt = || Err(WriteError::InDoubt { branch: 7, lost: None });
        let definite = Some(WriteError::NotLeader { branch: 7 });
        for (answers, error) in [
            (vec![applied(), applied()], None),
            (vec![not_leader(), not_leader()], definite),
            (vec![applied(), not_leader()], Some(WriteError::Unknown)),
            (vec![not_leader(), in_doubt()], Some(WriteError::Unknown)),
            (vec![in_doubt(), not_leader()], Some(WriteError::Unknown)),
        ] {
            assert_eq!(all_applied(answers.clone()).err(), error, "{answers:?}");
        }
    }
}
