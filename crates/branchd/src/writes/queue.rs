//! The write queue as a pure state machine: events and the time go in, answers and the next step come out. It has no
//! task, lock, clock or network; `shared` and `worker` own those and feed it.
//!
//! A write waits until a slot is free. A free slot takes all that waits, up to a bound, as one batch. Nothing lingers for more
//! to come: a busy branch batches by being busy. A batch has one attempt at a time, at the branch that leads. After an attempt
//! that failed it waits for news of a leader and has another attempt, with the same request ids, until no caller waits for it.
//!
//! Invariants:
//! - A write that may have been proposed is never answered with an error that says it was not applied.
//! - A write is answered once. Its caller is taken out of the queue with the answer.
//! - A batch that this branch proposed as the leader is not proposed again while this branch leads.
//! - Where something waits and a slot is free, that slot reports `Ready`, or a slot is to be called.

mod batch;
mod event;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bank_ledger::{Applied, Command};

use self::batch::{Batch, Write};
pub(super) use self::event::{Answers, Event, Lead, Next, Origin, Route, Step, Submitted, Ticket};
use super::error::WriteError;
use crate::replication::engine::ProposeError;

/// How many writes may wait. More are refused at once: at 10,000 a second the last would wait for over a second.
pub(super) const QUEUE_LEN_MAX: usize = 16 * 1024;
/// How many commands go into one batch, and so into one journal entry, at the most.
pub(crate) const BATCH_LEN_MAX: usize = 1024;
/// How many batches are under way at once: one on the disks while the next one is on its way there.
pub(super) const SLOTS: usize = 2;
/// How long another branch may take over a batch before it goes out again, and how often a leader looks whether anyone
/// still waits for the batch that it proposed.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an attempt may still take once the branch is stopping: a batch on its way to the disks takes milliseconds.
pub(super) const STOPPING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for news of a leader before the next attempt: at first next to nothing, since a new leader is known a
/// moment before it takes writes, then twice as long each time.
pub(super) const LEADER_WAIT_MIN: Duration = Duration::from_millis(2);
pub(super) const LEADER_WAIT_MAX: Duration = Duration::from_millis(50);

/// The writes of this branch that are not answered yet. `C`: what answers a caller.
#[derive(Debug)]
pub(super) struct Queue<C> {
    branch: u32,
    /// Writes that were never proposed, in the order of their tickets.
    waiting: VecDeque<(Command, Write<C>)>,
    slots: [Slot<C>; SLOTS],
    next_ticket: Ticket,
    stopping: bool,
}

#[derive(Debug)]
enum Slot<C> {
    Idle,
    Attempting {
        batch: Batch<C>,
        route: Route,
        until: Instant,
    },
    AwaitingLeader {
        batch: Batch<C>,
        until: Instant,
    },
}

impl<C> Queue<C> {
    /// `branch`: the number of this branch, for messages.
    pub(super) fn new(branch: u32) -> Self {
        Self {
            branch,
            waiting: VecDeque::new(),
            slots: std::array::from_fn(|_| Slot::Idle),
            next_ticket: 0,
            stopping: false,
        }
    }

    /// Takes writes: all of them, or none.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] or [`WriteError::Stopping`].
    pub(super) fn submit(
        &mut self,
        writes: impl ExactSizeIterator<Item = (Command, C)>,
        deadline: Instant,
        origin: Origin,
    ) -> Result<Submitted, WriteError> {
        let branch = self.branch;
        if self.stopping {
            return Err(WriteError::Stopping { branch });
        }
        if self.waiting.len() + writes.len() > QUEUE_LEN_MAX {
            return Err(overloaded(branch));
        }
        // Where something waits beside a slot that rests, that slot has been called already.
        let was_empty = self.waiting.is_empty();
        let first = self.next_ticket;
        for (command, caller) in writes {
            let write = Write {
                ticket: self.next_ticket,
                caller: Some(caller),
                deadline,
                origin,
                in_doubt: false,
            };
            self.waiting.push_back((command, write));
            self.next_ticket += 1;
        }
        Ok(Submitted {
            tickets: first..self.next_ticket,
            call: was_empty && self.has_free_slot(),
        })
    }

    /// The deadline of writes has passed: answers those that have no answer yet.
    pub(super) fn expire(&mut self, tickets: Range<Ticket>) -> Answers<C> {
        let expired = tickets.filter_map(|ticket| {
            let (write, attempted) = self.find(ticket)?;
            let caller = write.caller.take()?;
            Some((caller, Err(late(attempted || write.in_doubt))))
        });
        expired.collect()
    }

    /// The caller of writes is gone: nobody waits for their answers.
    pub(super) fn forget(&mut self, tickets: Range<Ticket>) {
        for ticket in tickets {
            if let Some((write, _)) = self.find(ticket) {
                write.caller = None;
            }
        }
    }

    /// Takes up what happened at a slot. An event that does not fit the slot's state changes nothing.
    pub(super) fn handle(&mut self, slot: usize, event: Event, now: Instant) -> Step<C> {
        let branch = self.branch;
        let mut answers = Vec::new();
        if matches!(event, Event::Stopping) {
            self.stop(&mut answers);
        }
        let before = std::mem::replace(&mut self.slots[slot], Slot::Idle);
        let was_attempting = matches!(before, Slot::Attempting { .. });
        let was_idle = matches!(before, Slot::Idle);
        let after = match (before, event) {
            (Slot::Idle, Event::Ready(lead)) => {
                let batch = self.form_batch();
                self.attempt(batch, lead, now, &mut answers)
            }
            (Slot::AwaitingLeader { batch, .. }, Event::Ready(lead)) => self.attempt(batch, lead, now, &mut answers),
            (Slot::AwaitingLeader { batch, .. }, Event::Stopping) => {
                self.refuse(batch, &WriteError::Stopping { branch }, &mut answers)
            }
            (Slot::Attempting { batch, .. }, Event::Ended(result)) => self.ended(batch, result, now, &mut answers),
            (Slot::Attempting { batch, .. }, Event::LeaderChanged) => self.failed(batch, true, now, &mut answers),
            (Slot::Attempting { batch, route, until }, Event::TimedOut) if until <= now => {
                self.timed_out(batch, route, now, &mut answers)
            }
            (Slot::Attempting { batch, route, until }, Event::Stopping) => Slot::Attempting {
                batch,
                route,
                until: until.min(now + STOPPING_TIMEOUT),
            },
            (unchanged, _) => unchanged,
        };
        let next = match &after {
            Slot::Idle if self.stopping => Next::End,
            Slot::Idle if self.waiting.is_empty() => Next::Rest,
            Slot::Idle => Next::Take,
            Slot::Attempting { until, .. } if was_attempting => Next::Continue { until: *until },
            Slot::Attempting { batch, route, until } => Next::Attempt {
                commands: Arc::clone(&batch.commands),
                route: *route,
                until: *until,
            },
            Slot::AwaitingLeader { until, .. } => Next::AwaitLeader { until: *until },
        };
        let took = was_idle && !matches!(after, Slot::Idle);
        self.slots[slot] = after;
        let call = took && !self.waiting.is_empty() && self.has_free_slot();
        Step { answers, next, call }
    }

    /// Takes all that waits, up to the bound.
    fn form_batch(&mut self) -> Batch<C> {
        let len = self.waiting.len().min(BATCH_LEN_MAX);
        let (mut commands, mut writes) = (Vec::with_capacity(len), Vec::with_capacity(len));
        while writes.len() < len
            && let Some((command, write)) = self.waiting.pop_front()
        {
            if write.caller.is_some() {
                commands.push(command);
                writes.push(write);
            }
        }
        Batch {
            writes,
            commands: commands.into(),
            pause: LEADER_WAIT_MIN,
        }
    }

    /// Begins an attempt of what is still awaited of a batch, if the leader takes writes.
    fn attempt(&mut self, mut batch: Batch<C>, lead: Lead, now: Instant, answers: &mut Answers<C>) -> Slot<C> {
        let branch = self.branch;
        for write in &mut batch.writes {
            if write.deadline <= now
                && let Some(caller) = write.caller.take()
            {
                answers.push((caller, Err(late(write.in_doubt))));
            }
        }
        batch.keep_awaited();
        if batch.writes.is_empty() {
            return Slot::Idle;
        }
        let route = match lead {
            _ if self.stopping => return self.refuse(batch, &WriteError::Stopping { branch }, answers),
            Lead::Here => Route::Propose,
            Lead::Elsewhere => Route::Forward,
            Lead::DiskFull => return self.refuse(batch, &WriteError::DiskFull { branch }, answers),
            Lead::Absent => return self.refuse(batch, &WriteError::NoLeader { branch }, answers),
            Lead::Unknown => return self.failed(batch, false, now, answers),
        };
        Slot::Attempting {
            batch,
            route,
            until: now + ATTEMPT_TIMEOUT,
        }
    }

    /// An attempt came to an end.
    fn ended(
        &mut self,
        batch: Batch<C>,
        result: Result<Vec<Applied>, ProposeError>,
        now: Instant,
        answers: &mut Answers<C>,
    ) -> Slot<C> {
        match result {
            Ok(outcomes) if outcomes.len() == batch.writes.len() => {
                let decided = batch.writes.into_iter().zip(outcomes);
                answers.extend(decided.filter_map(|(write, outcome)| Some((write.caller?, Ok(outcome)))));
                Slot::Idle
            }
            Err(ProposeError::NotLeader) => self.failed(batch, false, now, answers),
            Err(ProposeError::DiskFull { branch }) => self.refuse(batch, &WriteError::DiskFull { branch }, answers),
            Err(ProposeError::Overloaded { branch }) => self.refuse(batch, &overloaded(branch), answers),
            Ok(_) | Err(ProposeError::Unknown(_)) => self.failed(batch, true, now, answers),
        }
    }

    /// The time of an attempt is over.
    fn timed_out(&mut self, batch: Batch<C>, route: Route, now: Instant, answers: &mut Answers<C>) -> Slot<C> {
        if self.stopping || route == Route::Forward {
            return self.failed(batch, true, now, answers);
        }
        // The batch stands in this leader's journal already, and a second copy would be as slow.
        let awaited = |write: &Write<C>| write.caller.is_some();
        if batch.writes.iter().any(awaited) {
            let until = now + ATTEMPT_TIMEOUT;
            return Slot::Attempting { batch, route, until };
        }
        Slot::Idle
    }

    /// An attempt failed. `in_doubt`: it may have proposed the batch.
    fn failed(&mut self, mut batch: Batch<C>, in_doubt: bool, now: Instant, answers: &mut Answers<C>) -> Slot<C> {
        let branch = self.branch;
        for write in &mut batch.writes {
            write.in_doubt |= in_doubt;
            if write.origin == Origin::Branch
                && let Some(caller) = write.caller.take()
            {
                let error = if write.in_doubt {
                    WriteError::Unknown
                } else {
                    WriteError::NotLeader { branch }
                };
                answers.push((caller, Err(error)));
            }
        }
        if self.stopping {
            return self.refuse(batch, &WriteError::Stopping { branch }, answers);
        }
        batch.keep_awaited();
        if batch.writes.is_empty() {
            return Slot::Idle;
        }
        let until = now + batch.pause;
        batch.pause = (batch.pause * 2).min(LEADER_WAIT_MAX);
        Slot::AwaitingLeader { batch, until }
    }

    /// Answers a batch that was not proposed by the last attempt, and gets no other. A write that is in doubt stays so.
    fn refuse(&self, batch: Batch<C>, error: &WriteError, answers: &mut Answers<C>) -> Slot<C> {
        let branch = self.branch;
        answers.extend(batch.writes.into_iter().filter_map(|write| {
            let error = if write.in_doubt {
                WriteError::InDoubt { branch }
            } else {
                error.clone()
            };
            Some((write.caller?, Err(error)))
        }));
        Slot::Idle
    }

    /// Refuses what waits, and every write from now on.
    fn stop(&mut self, answers: &mut Answers<C>) {
        let branch = self.branch;
        self.stopping = true;
        let refused = self.waiting.drain(..);
        answers.extend(refused.filter_map(|(_, write)| Some((write.caller?, Err(WriteError::Stopping { branch })))));
    }

    /// Whether a slot is free.
    fn has_free_slot(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Idle))
    }

    /// A write that is not answered yet, and whether an attempt of it is under way.
    fn find(&mut self, ticket: Ticket) -> Option<(&mut Write<C>, bool)> {
        if let Ok(at) = self.waiting.binary_search_by_key(&ticket, |(_, write)| write.ticket) {
            return Some((&mut self.waiting[at].1, false));
        }
        self.slots.iter_mut().find_map(|slot| {
            let (batch, attempted) = match slot {
                Slot::Idle => return None,
                Slot::Attempting { batch, .. } => (batch, true),
                Slot::AwaitingLeader { batch, .. } => (batch, false),
            };
            let at = batch.writes.binary_search_by_key(&ticket, |write| write.ticket).ok()?;
            Some((&mut batch.writes[at], attempted))
        })
    }
}

/// What a write is answered whose deadline has passed.
fn late(in_doubt: bool) -> WriteError {
    if in_doubt {
        WriteError::Unknown
    } else {
        WriteError::NotApplied
    }
}

fn overloaded(branch: u32) -> WriteError {
    let max = QUEUE_LEN_MAX;
    WriteError::Overloaded { branch, max }
}
