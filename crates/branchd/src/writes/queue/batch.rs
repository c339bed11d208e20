//! Writes that have no answer yet, and the batches that they go out in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bank_ledger::Command;

use super::event::{Origin, Ticket};

#[derive(Debug)]
pub(super) struct Write<C> {
    pub(super) ticket: Ticket,
    /// `None`: the write was answered, or its caller is gone.
    pub(super) caller: Option<C>,
    pub(super) deadline: Instant,
    pub(super) origin: Origin,
    /// An attempt that is over may have proposed it.
    pub(super) in_doubt: bool,
}

#[derive(Debug)]
pub(super) struct Batch<C> {
    /// In the order of their tickets.
    pub(super) writes: Vec<Write<C>>,
    /// One for each of the writes.
    pub(super) commands: Arc<[Command]>,
    /// How long the next wait for a leader is.
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
