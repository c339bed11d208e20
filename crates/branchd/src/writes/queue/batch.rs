//! Writes that have no answer yet, and the batches in which they are sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bank_ledger::Command;

use super::event::{Origin, Ticket};

#[derive(Debug)]
pub(super) struct Write<C> {
    pub(super) ticket: Ticket,
    /// The ticket after the last write that was submitted together with this one.
    pub(super) group_end: Ticket,
    /// The caller that waits for the answer. `None`: the write was answered, or its caller is gone.
    pub(super) caller: Option<C>,
    pub(super) deadline: Instant,
    pub(super) origin: Origin,
    /// Whether an attempt that has ended may have proposed the write.
    pub(super) in_doubt: bool,
}

#[derive(Debug)]
pub(super) struct Batch<C> {
    /// The writes, in the order of their tickets.
    pub(super) writes: Vec<Write<C>>,
    /// The commands, one for each write.
    pub(super) commands: Arc<[Command]>,
    /// How long the batch waits for a leader the next time.
    pub(super) pause: Duration,
}

impl<C> Batch<C> {
    /// Drops the writes that no caller waits for.
    pub(super) fn keep_awaited(&mut self) {
        if self.writes.iter().all(|write| write.caller.is_some()) {
            return;
        }
        let awaited = self.writes.iter().zip(self.commands.iter());
        let awaited = awaited.filter(|(write, _)| write.caller.is_some());
        self.commands = awaited.map(|(_, command)| command.clone()).collect();
        self.writes.retain(|write| write.caller.is_some());
    }
}
