//! The write queue as a pure state machine. Its input is events and the time. Its output is answers and the next step.
//! It has no task, lock, clock or network: `shared` and `worker` have those and drive it.
//!
//! A write waits until a slot is free. A free slot takes all waiting writes, up to a bound, as one batch. It does not
//! wait for more writes. Writes collect while all slots are busy, so a busy branch sends large batches. Writes that were
//! submitted together go into one batch, and so they are decided in their order.
//!
//! A batch has one attempt at a time, at the branch that leads. After a failed attempt the batch waits for a change
//! of the leader, for a limited time. Then it has another attempt with the same request ids, as long as a caller
//! waits for it.
//!
//! Invariants:
//! - A write that may have been proposed never gets an error that says it was not applied.
//! - A write is answered once. The answer takes its caller out of the queue.
//! - A slow proposal is not repeated while this branch leads.
//! - If a write waits and a slot is free, then that slot reports `Ready`, or a resting slot is called.

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

/// How many writes may wait. Further writes are refused at once. At 10,000 writes a second, the last waiting write
/// waits for more than a second.
pub(super) const QUEUE_LEN_MAX: usize = 16 * 1024;
/// The most commands in one batch. Each batch is one journal entry.
pub(crate) const BATCH_LEN_MAX: usize = 1024;
/// How many batches may be under way at once. While the disks write one batch, the next batch is on its way to them.
pub(super) const SLOTS: usize = 2;
/// How long another branch may take for a batch before the batch is sent again. A leader checks at the same interval
/// whether a caller still waits for the batch that it proposed.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long attempts may still be made once the branch is stopping, for the writes that may have been proposed. A batch
/// reaches the disks within milliseconds, and a leader that handed over knows the next leader.
pub(super) const STOPPING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a batch waits for a leader before its next attempt, at least and at most. The first wait is short, because
/// a new leader is known a moment before it takes writes. Each further wait is twice as long.
pub(super) const LEADER_WAIT_MIN: Duration = Duration::from_millis(2);
pub(super) const LEADER_WAIT_MAX: Duration = Duration::from_millis(50);

/// The writes of this branch that are not answered yet. `C` carries the answer to one caller.
#[derive(Debug)]
pub(super) struct Queue<C> {
    branch: u32,
    /// Writes that are in no batch yet, in the order of their tickets.
    waiting: VecDeque<(Command, Write<C>)>,
    slots: [Slot<C>; SLOTS],
    next_ticket: Ticket,
    /// Set once the branch is stopping: the last attempt ends by then.
    stop_by: Option<Instant>,
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
    /// `branch` is the number of this branch, for messages.
    pub(super) fn new(branch: u32) -> Self {
        Self {
            branch,
            waiting: VecDeque::new(),
            slots: std::array::from_fn(|_| Slot::Idle),
            next_ticket: 0,
            stop_by: None,
        }
    }

    /// Takes all of the writes, or none of them. At most [`BATCH_LEN_MAX`] writes go into one batch together.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] if too many writes wait; [`WriteError::Stopping`] if the branch is stopping.
    pub(super) fn submit(
        &mut self,
        writes: impl ExactSizeIterator<Item = (Command, C)>,
        deadline: Instant,
        origin: Origin,
    ) -> Result<Submitted, WriteError> {
        let branch = self.branch;
        if self.stop_by.is_some() {
            return Err(WriteError::Stopping { branch });
        }
        if self.waiting.len() + writes.len() > QUEUE_LEN_MAX {
            return Err(overloaded(branch));
        }
        // If writes are waiting already and a slot is free, a slot has been called for them already.
        let was_empty = self.waiting.is_empty();
        let first = self.next_ticket;
        let group_end = first + writes.len() as Ticket;
        for (command, caller) in writes {
            let write = Write {
                ticket: self.next_ticket,
                group_end,
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

    /// Answers the writes that have no answer yet, because their deadline has passed.
    pub(super) fn expire(&mut self, tickets: Range<Ticket>) -> Answers<C> {
        let expired = tickets.filter_map(|ticket| {
            let (write, attempted) = self.find(ticket)?;
            let caller = write.caller.take()?;
            Some((caller, Err(late(attempted || write.in_doubt))))
        });
        expired.collect()
    }

    /// Records that the caller of these writes is gone, so nobody waits for their answers.
    pub(super) fn forget(&mut self, tickets: Range<Ticket>) {
        for ticket in tickets {
            if let Some((write, _)) = self.find(ticket) {
                write.caller = None;
            }
        }
    }

    /// Handles an event at a slot. An event that does not fit the slot's state leaves the slot unchanged.
    pub(super) fn handle(&mut self, slot: usize, event: Event, now: Instant) -> Step<C> {
        let mut answers = Vec::new();
        if matches!(event, Event::Stopping) {
            self.stop(now, &mut answers);
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
            (Slot::AwaitingLeader { batch, until }, Event::Stopping) => self.await_leader(batch, until, &mut answers),
            (Slot::Attempting { batch, .. }, Event::Ended(result)) => self.ended(batch, result, now, &mut answers),
            (Slot::Attempting { batch, .. }, Event::LeaderChanged) => self.failed(batch, true, now, &mut answers),
            (Slot::Attempting { batch, route, until }, Event::TimedOut) if until <= now => {
                self.timed_out(batch, route, now, &mut answers)
            }
            (Slot::Attempting { batch, route, until }, Event::Stopping) => Slot::Attempting {
                batch,
                route,
                until: self.before_stop(until),
            },
            (unchanged, _) => unchanged,
        };
        let next = match &after {
            Slot::Idle if self.stop_by.is_some() => Next::End,
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

    /// Forms a batch of the waiting writes, up to the bound. Drops the writes whose callers are gone. Writes that were
    /// submitted together are not split, unless they are more than a batch holds.
    fn form_batch(&mut self) -> Batch<C> {
        let len = self.waiting.len().min(BATCH_LEN_MAX);
        let (mut commands, mut writes) = (Vec::with_capacity(len), Vec::with_capacity(len));
        let mut group_end = 0;
        while writes.len() < len
            && let Some((_, next)) = self.waiting.front()
        {
            let room = BATCH_LEN_MAX - writes.len();
            let begins = next.group_end != group_end;
            if begins && !writes.is_empty() && next.group_end - next.ticket > room as Ticket {
                break;
            }
            group_end = next.group_end;
            if let Some((command, write)) = self.waiting.pop_front()
                && write.caller.is_some()
            {
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

    /// Begins an attempt for the writes of a batch whose callers still wait, if the leader takes writes.
    fn attempt(&mut self, mut batch: Batch<C>, lead: Lead, now: Instant, answers: &mut Answers<C>) -> Slot<C> {
        let branch = self.branch;
        for write in &mut batch.writes {
            if write.deadline <= now
                && let Some(caller) = write.caller.take()
            {
                answers.push((caller, Err(late(write.in_doubt))));
            }
        }
        self.release_undoubted(&mut batch, answers);
        batch.keep_awaited();
        if batch.writes.is_empty() {
            return Slot::Idle;
        }
        let route = match lead {
            _ if self.is_over(now) => return self.refuse(batch, &WriteError::Stopping { branch }, answers),
            Lead::Here => Route::Propose,
            Lead::Elsewhere => Route::Forward,
            Lead::DiskFull => return self.refuse(batch, &WriteError::DiskFull { branch }, answers),
            Lead::Absent => return self.refuse(batch, &WriteError::NoLeader { branch }, answers),
            Lead::NoMajority(lost) => return self.refuse(batch, &WriteError::NoMajority(lost), answers),
            Lead::Unknown => return self.failed(batch, false, now, answers),
        };
        Slot::Attempting {
            batch,
            route,
            until: self.before_stop(now + ATTEMPT_TIMEOUT),
        }
    }

    /// Handles the end of an attempt.
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

    /// Handles an attempt that has run out of time.
    fn timed_out(&mut self, batch: Batch<C>, route: Route, now: Instant, answers: &mut Answers<C>) -> Slot<C> {
        if self.is_over(now) || route == Route::Forward {
            return self.failed(batch, true, now, answers);
        }
        // The batch is in this leader's journal already, and a second copy would be just as slow.
        let awaited = |write: &Write<C>| write.caller.is_some();
        if batch.writes.iter().any(awaited) {
            let until = self.before_stop(now + ATTEMPT_TIMEOUT);
            return Slot::Attempting { batch, route, until };
        }
        Slot::Idle
    }

    /// Handles a failed attempt. `in_doubt` says whether the attempt may have proposed the batch.
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
        if self.is_over(now) {
            return self.refuse(batch, &WriteError::Stopping { branch }, answers);
        }
        let until = now + batch.pause;
        batch.pause = (batch.pause * 2).min(LEADER_WAIT_MAX);
        self.await_leader(batch, until, answers)
    }

    /// Lets a batch wait for a leader, for the writes whose callers still wait.
    fn await_leader(&self, mut batch: Batch<C>, until: Instant, answers: &mut Answers<C>) -> Slot<C> {
        self.release_undoubted(&mut batch, answers);
        batch.keep_awaited();
        if batch.writes.is_empty() {
            return Slot::Idle;
        }
        let until = self.before_stop(until);
        Slot::AwaitingLeader { batch, until }
    }

    /// If the branch is stopping, answers the writes of a batch that were certainly not proposed. The others have further
    /// attempts, because only the leader can tell what became of them.
    fn release_undoubted(&self, batch: &mut Batch<C>, answers: &mut Answers<C>) {
        let branch = self.branch;
        if self.stop_by.is_none() {
            return;
        }
        let undoubted = batch.writes.iter_mut().filter(|write| !write.in_doubt);
        answers
            .extend(undoubted.filter_map(|write| Some((write.caller.take()?, Err(WriteError::Stopping { branch })))));
    }

    /// The time, or the end of the last attempt of a stopping branch if that is earlier.
    fn before_stop(&self, time: Instant) -> Instant {
        self.stop_by.map_or(time, |stop_by| time.min(stop_by))
    }

    /// Whether the branch is stopping and makes no further attempt.
    fn is_over(&self, now: Instant) -> bool {
        self.stop_by.is_some_and(|stop_by| stop_by <= now)
    }

    /// Answers a batch with an error. The batch has no further attempt. A write that may have been proposed gets
    /// [`WriteError::InDoubt`] instead.
    fn refuse(&self, batch: Batch<C>, error: &WriteError, answers: &mut Answers<C>) -> Slot<C> {
        let (branch, lost) = (self.branch, error.no_majority());
        answers.extend(batch.writes.into_iter().filter_map(|write| {
            let error = if write.in_doubt {
                WriteError::InDoubt { branch, lost }
            } else {
                error.clone()
            };
            Some((write.caller?, Err(error)))
        }));
        Slot::Idle
    }

    /// Refuses the waiting writes and all later writes.
    fn stop(&mut self, now: Instant, answers: &mut Answers<C>) {
        let branch = self.branch;
        self.stop_by.get_or_insert(now + STOPPING_TIMEOUT);
        let refused = self.waiting.drain(..);
        answers.extend(refused.filter_map(|(_, write)| Some((write.caller?, Err(WriteError::Stopping { branch })))));
    }

    fn has_free_slot(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Idle))
    }

    /// Finds a write in the queue. The flag says whether an attempt for the write is under way.
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

/// The error for a write whose deadline has passed.
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
