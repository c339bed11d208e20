//! What the applier, the readers and the storing thread of one ledger database share.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use bank_ledger::RequestId;

use super::connections::Connections;
use super::error::BooksError;
use super::memory::Memory;
use super::state_row::StateRow;

/// What the applier, the readers and the storing thread of one ledger database share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    memory: Mutex<Memory>,
    /// Notified when there is room for further log entries, or nothing will be stored any more.
    room: Condvar,
    pub(super) connections: Connections,
    /// The first error of the disk. It is final: nothing is written after it.
    pub(super) failure: OnceLock<String>,
    /// Called when a read finds damage, and when the disk fails.
    alarm: OnceLock<Alarm>,
}

/// A callback that takes an error.
struct Alarm(Box<dyn Fn(&BooksError) + Send + Sync>);

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alarm")
    }
}

impl Shared {
    pub(super) fn new(path: PathBuf, stored: StateRow, highest_id: Option<RequestId>) -> Self {
        Self {
            memory: Mutex::new(Memory::new(stored, highest_id)),
            room: Condvar::new(),
            connections: Connections::new(path.clone()),
            failure: OnceLock::new(),
            alarm: OnceLock::new(),
            path,
        }
    }

    /// The newest state. It is locked for moments only, never during an access to the file.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic under the lock ends the branch, because its position does not move any more.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a further log entry may be applied.
    ///
    /// # Errors
    /// The disk has failed.
    pub(super) fn wait_for_room(&self) -> Result<(), BooksError> {
        let mut memory = self.memory();
        while !memory.has_room() {
            self.unless_failed()?;
            memory = self.room.wait(memory).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Wakes those who wait for room.
    pub(super) fn room_may_be_there(&self) {
        // The lock is taken so that nobody is between the look and the wait.
        drop(self.memory());
        self.room.notify_all();
    }

    /// # Errors
    /// The disk has failed before.
    pub(super) fn unless_failed(&self) -> Result<(), BooksError> {
        match self.failure.get() {
            Some(failure) => Err(BooksError::Stopped(failure.clone())),
            None => Ok(()),
        }
    }

    /// Records the first error after which nothing may be written.
    pub(super) fn fail(&self, error: &BooksError) {
        self.failure.get_or_init(|| error.to_string());
        self.alarm(error);
        self.room_may_be_there();
    }

    /// Sets the callback for failures. Only the first call has an effect.
    pub(super) fn on_failure(&self, alarm: impl Fn(&BooksError) + Send + Sync + 'static) {
        self.alarm.get_or_init(|| Alarm(Box::new(alarm)));
    }

    pub(super) fn alarm(&self, error: &BooksError) {
        if let Some(Alarm(alarm)) = self.alarm.get() {
            alarm(error);
        }
    }
}
