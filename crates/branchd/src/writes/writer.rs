//! Writes on their way to the leader: one queue, drained into batches.
//!
//! Whenever a slot is free, all that waits goes out as one batch: to the engine where this branch leads, else to the
//! branch that does. Nothing lingers for more to come; a busy branch batches by being busy. A batch that fails goes out
//! again, with the same request ids, until its customers' deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bank_ledger::{Applied, Command};
use bank_proto::v1;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tonic::Status;

use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, ProposeError, Replica};
use crate::{fate, outcome};

/// How many writes may wait. More are turned away at once: at 10,000 a second the last would wait for over a second.
const QUEUE_LEN_MAX: usize = 16 * 1024;
/// How many commands go into one batch, and so into one journal entry, at the most.
pub(crate) const BATCH_LEN_MAX: usize = 1024;
/// How many batches are under way at once: one on the disks while the next one is on its way there.
const BATCHES_UNDER_WAY_MAX: usize = 2;
/// How long one attempt may take before the batch goes out again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait for news of a leader before the next attempt: at first next to nothing, since a new leader is known a
/// moment before it takes writes, then twice as long each time.
const LEADER_WAIT_MIN: Duration = Duration::from_millis(2);
const LEADER_WAIT_MAX: Duration = Duration::from_millis(50);

/// Why a write was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(
        "too many writes are waiting at branch {branch} (over {QUEUE_LEN_MAX}): try again, with the same request id"
    )]
    Overloaded { branch: u32 },
    /// For a forwarded write only.
    #[error("branch {branch} does not lead")]
    NotLeader { branch: u32 },
    #[error(
        "the disk of branch {branch}, which leads, is full: make room there, then try again with the same request id"
    )]
    DiskFull { branch: u32 },
    #[error("no leader took the write in time: try again, or at another branch")]
    NotApplied,
    /// The branch is cut off from the leader, or the bank has none.
    #[error("branch {branch} reaches no leader: try another branch, or this one again later")]
    NoLeader { branch: u32 },
    #[error("the write may have been applied: ask again with the same request id")]
    Unknown,
    /// Known before the deadline.
    #[error(
        "the write may have been applied, and branch {branch} cannot find out: ask another branch with the same request id"
    )]
    InDoubt { branch: u32 },
}

/// The queue's end for the services. Clones share it.
#[derive(Clone)]
pub(crate) struct Writer {
    branch: u32,
    queue: mpsc::Sender<Waiting>,
}

/// How far a write has come, so that whoever stops waiting for it knows whether it can still be applied.
#[derive(Debug, Default)]
struct Progress(AtomicU8);

impl Progress {
    const QUEUED: u8 = 0;
    const SENT: u8 = 1;
    const ABANDONED: u8 = 2;

    fn advance(&self, from: u8, to: u8) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

struct Waiting {
    command: Command,
    answer: oneshot::Sender<Result<Applied, WriteError>>,
    progress: Arc<Progress>,
    /// It may have reached a journal.
    in_doubt: bool,
    /// Another branch sent it here, and sends it elsewhere if this one does not lead any more. (If this one knows by
    /// then who does, it goes there in the batch that it stands in; terms rise on the way, so that it cannot go round.)
    forwarded: bool,
}

impl Waiting {
    /// Takes the write for an attempt, unless nobody waits for it any more.
    fn take(&self) -> bool {
        !self.answer.is_closed() && (self.in_doubt || self.progress.advance(Progress::QUEUED, Progress::SENT))
    }

    /// Puts it back after an attempt that definitely did not propose it.
    fn put_back(&self) {
        if !self.in_doubt {
            self.progress.advance(Progress::SENT, Progress::QUEUED);
        }
    }
}

impl Writer {
    /// Starts the task that drains the queue; it ends when the last clone is gone.
    pub(crate) fn start(identity: Identity, engine: Engine, peers: Peers) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        let sender = Arc::new(Sender {
            identity,
            engine,
            peers,
        });
        tokio::spawn(drain(waiting, sender));
        Self {
            branch: identity.branch,
            queue,
        }
    }

    /// Has a command decided, and answers with what was decided.
    ///
    /// # Errors
    /// See [`WriteError`]. [`WriteError::NotApplied`] is definite.
    pub(crate) async fn submit(&self, command: Command, deadline: Instant) -> Result<Applied, WriteError> {
        let (waiting, answer) = queued(command, deadline, false);
        self.queue.try_send(waiting).map_err(|error| match error {
            TrySendError::Full(_) => WriteError::Overloaded { branch: self.branch },
            // The branch is stopping.
            TrySendError::Closed(_) => WriteError::NotApplied,
        })?;
        answer.await
    }

    /// Has commands decided that another branch sent to this one as the leader.
    ///
    /// # Errors
    /// [`WriteError::NotLeader`] where none of them was proposed; else any.
    pub(crate) async fn submit_forwarded(
        &self,
        commands: Vec<Command>,
        deadline: Instant,
    ) -> Result<Vec<Applied>, WriteError> {
        // All of them or none, so that an overload is definite.
        let overloaded = WriteError::Overloaded { branch: self.branch };
        let places = self.queue.try_reserve_many(commands.len()).map_err(|_| overloaded)?;
        let answers: Vec<_> = places
            .zip(commands)
            .map(|(place, command)| {
                let (waiting, answer) = queued(command, deadline, true);
                place.send(waiting);
                answer
            })
            .collect();
        let mut applied = Vec::new();
        let mut failed: Option<WriteError> = None;
        for answer in answers {
            match answer.await {
                Ok(outcome) => applied.push(outcome),
                Err(WriteError::Unknown | WriteError::InDoubt { .. }) => failed = Some(WriteError::Unknown),
                Err(definite) => failed = failed.or(Some(definite)),
            }
        }
        match failed {
            None => Ok(applied),
            // Where some were applied and some were not, no one word is true of all.
            Some(_) if !applied.is_empty() => Err(WriteError::Unknown),
            Some(error) => Err(error),
        }
    }
}

/// A write for the queue, and what becomes of it by its deadline.
fn queued(
    command: Command,
    deadline: Instant,
    forwarded: bool,
) -> (Waiting, impl Future<Output = Result<Applied, WriteError>>) {
    let (answer, answered) = oneshot::channel();
    let progress = Arc::new(Progress::default());
    let waiting = Waiting {
        command,
        answer,
        progress: Arc::clone(&progress),
        in_doubt: false,
        forwarded,
    };
    let answer = async move {
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            _ if progress.advance(Progress::QUEUED, Progress::ABANDONED) => Err(WriteError::NotApplied),
            _ => Err(WriteError::Unknown),
        }
    };
    (waiting, answer)
}

async fn drain(mut waiting: mpsc::Receiver<Waiting>, sender: Arc<Sender>) {
    let slots = Arc::new(Semaphore::new(BATCHES_UNDER_WAY_MAX));
    // The semaphore is never closed, so a slot always comes.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, BATCH_LEN_MAX).await == 0 {
            return;
        }
        let sender = Arc::clone(&sender);
        tokio::spawn(async move {
            sender.deliver(batch).await;
            drop(slot);
        });
    }
}

struct Sender {
    identity: Identity,
    engine: Engine,
    peers: Peers,
}

impl Sender {
    /// Sends the batch out until every write in it has its answer, or nobody who waits for one.
    async fn deliver(&self, mut batch: Vec<Waiting>) {
        let mut wait = LEADER_WAIT_MIN;
        loop {
            batch.retain(Waiting::take);
            if batch.is_empty() {
                return;
            }
            if self.engine.leaderless().is_some() {
                return self.refuse(batch, &self.no_leader());
            }
            let leader = self.engine.leader_id();
            let commands = batch.iter().map(|waiting| waiting.command.clone()).collect();
            match self.attempt(commands, leader).await {
                Ok(outcomes) if outcomes.len() == batch.len() => {
                    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                        // Who stopped waiting asks again, with the same id.
                        let _ = waiting.answer.send(Ok(outcome));
                    }
                    return;
                }
                Ok(outcomes) => {
                    tracing::error!(
                        sent = batch.len(),
                        answered = outcomes.len(),
                        "a batch came back with another length"
                    );
                    batch = self.after_failure(batch, true);
                }
                Err(ProposeError::NotLeader) => batch = self.after_failure(batch, false),
                Err(ProposeError::DiskFull { branch }) => return self.refuse(batch, &WriteError::DiskFull { branch }),
                Err(ProposeError::Overloaded { branch }) => {
                    return self.refuse(batch, &WriteError::Overloaded { branch });
                }
                Err(ProposeError::Unknown(reason)) => {
                    tracing::debug!(%reason, writes = batch.len(), "a batch goes out again");
                    batch = self.after_failure(batch, true);
                }
            }
            self.engine.leader_changed(leader, wait).await;
            wait = (wait * 2).min(LEADER_WAIT_MAX);
        }
    }

    fn no_leader(&self) -> WriteError {
        WriteError::NoLeader {
            branch: self.identity.branch,
        }
    }

    /// Answers writes that the bank could have taken, but did not. A write that is in doubt stays so.
    fn refuse(&self, batch: Vec<Waiting>, error: &WriteError) {
        let branch = self.identity.branch;
        for waiting in batch {
            let error = if waiting.in_doubt {
                WriteError::InDoubt { branch }
            } else {
                error.clone()
            };
            // Who stopped waiting asks again, with the same id.
            let _ = waiting.answer.send(Err(error));
        }
    }

    /// What is left to send again: a forwarded write goes back to the branch that sent it.
    fn after_failure(&self, batch: Vec<Waiting>, in_doubt: bool) -> Vec<Waiting> {
        let mut left = Vec::new();
        for mut waiting in batch {
            waiting.in_doubt |= in_doubt;
            waiting.put_back();
            if waiting.forwarded {
                let error = if waiting.in_doubt {
                    WriteError::Unknown
                } else {
                    WriteError::NotLeader {
                        branch: self.identity.branch,
                    }
                };
                let _ = waiting.answer.send(Err(error));
            } else {
                left.push(waiting);
            }
        }
        left
    }

    /// `before`: the replica that led when the attempt was decided on.
    async fn attempt(&self, commands: Vec<Command>, before: Option<u64>) -> Result<Vec<Applied>, ProposeError> {
        let attempt = async {
            if self.engine.is_leader() {
                if self.engine.is_disk_full() {
                    if self.engine.hands_over_for_space() {
                        return Err(ProposeError::NotLeader);
                    }
                    return Err(ProposeError::DiskFull {
                        branch: self.identity.branch,
                    });
                }
                return self.engine.propose(commands).await;
            }
            match self.engine.leader() {
                Some(leader) if leader.id != self.identity.replica => self.forward(&leader, commands).await,
                _ => Err(ProposeError::NotLeader),
            }
        };
        // Where the leader changes under way, the new one need not wait for the old one's answer.
        tokio::select! {
            result = attempt => result,
            () = self.engine.leader_changed(before, ATTEMPT_TIMEOUT) => {
                Err(ProposeError::Unknown("the leader changed, or did not answer".to_owned()))
            }
        }
    }

    async fn forward(&self, leader: &Replica, commands: Vec<Command>) -> Result<Vec<Applied>, ProposeError> {
        let unsent = |_: Status| ProposeError::NotLeader;
        let mut client = self.peers.client(leader.branch, &leader.address).map_err(unsent)?;
        let request = v1::ForwardRequest {
            peer: Some(self.identity.greet(leader.id)),
            commands: commands.iter().map(crate::replication::command_to_wire).collect(),
        };
        let mut request = tonic::Request::new(request);
        request.set_timeout(ATTEMPT_TIMEOUT);
        match client.forward(request).await {
            Ok(response) => {
                let outcomes = response.into_inner().outcomes.into_iter().map(outcome::from_wire);
                let outcomes: Option<Vec<Applied>> = outcomes.collect();
                outcomes.ok_or_else(|| ProposeError::Unknown("the leader's answer is malformed".to_owned()))
            }
            Err(status) => Err(fate::of_forward(&status, leader.branch)),
        }
    }
}
