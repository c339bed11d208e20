//! The state that callers and the writer share: the bounded queue, and the view of the log that includes queued
//! changes.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::Failure;
use crate::format::record_bytes;
use crate::index::{EntryIndex, Place};
use crate::recent::RecentEntries;
use crate::segment::SegmentFile;

/// How long a lazy state waits for a batch before it is written on its own. For this time after its last batch, the
/// writer wakes up by itself, so a lazy state need not wake it.
const LAZY_WRITE_DELAY: Duration = Duration::from_millis(50);
/// The number of queued changes at which a delayed append is written without further delay. It bounds what waits for one
/// sync, whatever the caller's delay. A caller with many appends on their way is not held up for long.
const DELAYED_CHANGES_MAX: usize = 16;
/// The pause before a failed reservation is tried again.
const RESERVE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The callback of one operation. It is called once, with the result.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A change of the log.
pub(crate) enum Change {
    Append(Vec<(u64, Bytes)>),
    State(u8, Bytes),
    Truncate(Option<u64>),
    Purge(u64, Bytes),
}

impl Change {
    /// The bytes that the change takes in the file, and about as many in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Change::Append(entries) => entries.iter().map(|(_, payload)| record_bytes(payload.len())).sum(),
            Change::State(_, value) => record_bytes(value.len()),
            Change::Truncate(_) => record_bytes(0),
            Change::Purge(_, note) => record_bytes(note.len()),
        }
    }
}

/// A change that is queued to be written.
pub(crate) struct Operation {
    /// The number of the operation. It rises by one with each operation.
    pub(crate) number: u64,
    pub(crate) bytes: usize,
    pub(crate) change: Change,
    pub(crate) done: Done,
}

/// The next task of the writer.
pub(crate) enum Task {
    /// Write the operations and the lazy states. Sync and acknowledge only if there are operations.
    Write {
        operations: Vec<Operation>,
        lazy: BTreeMap<u8, Bytes>,
    },
    /// Try again to reserve space.
    Reserve,
    /// Close the log. Nothing is queued, and nothing more will be queued.
    Close,
}

/// The log as callers see it. It includes every accepted change, synced or not.
pub(crate) struct View {
    pub(crate) index: EntryIndex,
    pub(crate) recent: RecentEntries,
    pub(crate) slots: BTreeMap<u8, Bytes>,
    pub(crate) segments: BTreeMap<u32, Arc<SegmentFile>>,
    queue: VecDeque<Operation>,
    /// When the queue must be written. `None`: the queue is empty, or must be written at once.
    due: Option<Instant>,
    /// The bytes of operations that are queued or being written.
    bytes_in_flight: usize,
    lazy: BTreeMap<u8, Bytes>,
    failure: Option<Failure>,
    closing: bool,
    last_number: u64,
    /// Whether the writer sleeps and needs a wake-up for a lazy state.
    asleep: bool,
    /// Whether the last attempt to reserve space failed because the disk is full.
    pub(crate) space_low: bool,
}

/// The view with its lock and its conditions.
pub(crate) struct Shared {
    view: Mutex<View>,
    /// Signals work to the writer.
    work: Condvar,
    /// Signals room in the queue to callers.
    room: Condvar,
    queue_bytes_max: usize,
    batch_bytes_max: usize,
}

impl Shared {
    pub(crate) fn new(
        index: EntryIndex,
        slots: BTreeMap<u8, Bytes>,
        segments: BTreeMap<u32, Arc<SegmentFile>>,
        options: &crate::Options,
    ) -> Shared {
        let view = View {
            index,
            recent: RecentEntries::new(options.cache_bytes),
            slots,
            segments,
            queue: VecDeque::new(),
            due: None,
            bytes_in_flight: 0,
            lazy: BTreeMap::new(),
            failure: None,
            closing: false,
            last_number: 0,
            asleep: false,
            space_low: false,
        };
        Shared {
            view: Mutex::new(view),
            work: Condvar::new(),
            room: Condvar::new(),
            queue_bytes_max: options.queue_bytes,
            batch_bytes_max: options.batch_bytes,
        }
    }

    /// Locks the view. No code panics under the lock, so the view is consistent even if the lock is poisoned.
    pub(crate) fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks a change, applies it to the view and queues it. Blocks while the queue is full. After an error nothing
    /// has changed, and `done` is never called.
    ///
    /// The change is written at once, or up to `delay` later if nothing before it in the queue is written earlier.
    pub(crate) fn submit(&self, change: Change, delay: Duration, done: Done) -> io::Result<()> {
        let bytes = change.bytes();
        if bytes > self.queue_bytes_max {
            let what = format!(
                "{bytes} bytes at once: the journal's queue holds {}",
                self.queue_bytes_max
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut view = self.lock();
        while view.accepts() && view.bytes_in_flight + bytes > self.queue_bytes_max {
            if view.due.take().is_some() {
                self.work.notify_one();
            }
            view = self.room.wait(view).unwrap_or_else(PoisonError::into_inner);
        }
        view.check_accepts()?;
        let number = view.last_number + 1;
        view.apply(&change, number)
            .map_err(|what| io::Error::new(io::ErrorKind::InvalidInput, what))?;
        view.last_number = number;
        view.bytes_in_flight += bytes;
        let queued = (!view.queue.is_empty()).then_some(view.due);
        view.queue.push_back(Operation {
            number,
            bytes,
            change,
            done,
        });
        let at_once =
            delay.is_zero() || view.queue.len() >= DELAYED_CHANGES_MAX || view.bytes_in_flight >= self.batch_bytes_max;
        let due = if at_once {
            None
        } else {
            Instant::now().checked_add(delay)
        };
        // `None` is the least, and stands for the earliest time.
        view.due = queued.map_or(due, |before| before.min(due));
        let wakes = queued != Some(view.due);
        drop(view);
        if wakes {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Accepts a state value that is written with the next batch.
    pub(crate) fn submit_lazily(&self, slot: u8, value: Bytes) -> io::Result<()> {
        let mut view = self.lock();
        view.check_accepts()?;
        view.slots.insert(slot, value.clone());
        view.lazy.insert(slot, value);
        if std::mem::take(&mut view.asleep) {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Waits for the next task. Only the writer calls this.
    pub(crate) fn next_task(&self) -> Task {
        let mut view = self.lock();
        let mut patience = Some(LAZY_WRITE_DELAY);
        loop {
            if !view.queue.is_empty() {
                let left = view.due.map(|due| due.saturating_duration_since(Instant::now()));
                let Some(wait) = left.filter(|left| !left.is_zero() && !view.closing) else {
                    return view.take_batch(self.batch_bytes_max);
                };
                let woken = self.work.wait_timeout(view, wait);
                view = woken.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            if view.closing || (patience.is_none() && !view.lazy.is_empty()) {
                let lazy = std::mem::take(&mut view.lazy);
                return if lazy.is_empty() {
                    Task::Close
                } else {
                    Task::Write {
                        operations: Vec::new(),
                        lazy,
                    }
                };
            }
            let retry = view.space_low.then_some(RESERVE_RETRY_DELAY);
            let Some(wait) = patience.or(retry) else {
                view.asleep = true;
                view = self.work.wait(view).unwrap_or_else(PoisonError::into_inner);
                view.asleep = false;
                patience = Some(LAZY_WRITE_DELAY);
                continue;
            };
            view.asleep = patience.is_none();
            let (woken, outcome) = self
                .work
                .wait_timeout(view, wait)
                .unwrap_or_else(PoisonError::into_inner);
            view = woken;
            let was_asleep = std::mem::take(&mut view.asleep) || patience.is_none();
            match outcome.timed_out() {
                true if was_asleep && view.queue.is_empty() && view.lazy.is_empty() => return Task::Reserve,
                true => patience = None,
                false if was_asleep => patience = Some(LAZY_WRITE_DELAY),
                false => {}
            }
        }
    }

    /// Records that the operations are synced at `places`, and makes room in the queue.
    pub(crate) fn publish(&self, operations: &[Operation], places: &[(u64, u64, Place)]) {
        let mut view = self.lock();
        for &(number, index, place) in places {
            // The entry may have been truncated or replaced meanwhile. Only the same entry gets the place.
            if view.recent.is_from(index, number) {
                view.index.set_place(index, place);
            }
        }
        if let Some(last) = operations.last() {
            view.recent.synced(last.number);
        }
        view.bytes_in_flight -= operations.iter().map(|operation| operation.bytes).sum::<usize>();
        drop(view);
        self.room.notify_all();
    }

    /// The oldest segment that the entries need. `newest` is the active segment. `None`: a queued truncation or purge
    /// is not yet written, so the answer is uncertain.
    pub(crate) fn oldest_needed(&self, newest: u32) -> Option<u32> {
        let view = self.lock();
        if view
            .queue
            .iter()
            .any(|operation| matches!(operation.change, Change::Truncate(_) | Change::Purge(..)))
        {
            return None;
        }
        let first = view.index.place(view.index.range().start);
        Some(
            first
                .filter(|place| !place.is_pending())
                .map_or(newest, |place| place.sequence),
        )
    }

    /// Refuses further changes. Queued changes are still written.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Stops the log. Every waiting and later caller gets this failure. Returns the queued operations.
    pub(crate) fn fail(&self, failure: &Failure) -> Vec<Operation> {
        let mut view = self.lock();
        view.failure.get_or_insert_with(|| failure.clone());
        view.lazy.clear();
        let queued = view.queue.drain(..).collect();
        drop(view);
        self.room.notify_all();
        queued
    }
}

impl View {
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn accepts(&self) -> bool {
        self.failure.is_none() && !self.closing
    }

    fn check_accepts(&self) -> io::Result<()> {
        match &self.failure {
            Some(failure) => Err(failure.to_io()),
            None if self.closing => Err(Failure::closed().to_io()),
            None => Ok(()),
        }
    }

    /// Applies a change to the view. After an error the view is unchanged.
    fn apply(&mut self, change: &Change, number: u64) -> Result<(), String> {
        match change {
            Change::Append(entries) => {
                let Some(&(first, _)) = entries.first() else {
                    return Ok(());
                };
                self.index.check_append(first)?;
                for (at, &(index, _)) in (0..).zip(entries) {
                    if index == u64::MAX || first.checked_add(at) != Some(index) {
                        return Err(format!("entry {index} does not follow the one before it"));
                    }
                }
                for (index, payload) in entries {
                    self.index.append(*index, Place::pending(payload.len()))?;
                    self.recent.push(*index, number, payload.clone());
                }
            }
            Change::State(slot, value) => {
                self.slots.insert(*slot, value.clone());
                self.lazy.remove(slot);
            }
            Change::Truncate(after) => self.index.truncate(*after)?,
            Change::Purge(index, note) => {
                self.index.check_purge(*index)?;
                self.index.purge(*index, note.clone())?;
            }
        }
        let live = self.index.range();
        self.recent.keep(live.start, live.end);
        Ok(())
    }

    /// Takes the next operations, at least one, up to `bytes_max`. Takes the lazy states only if no operation is left,
    /// because a lazy state must not be written before an earlier operation.
    fn take_batch(&mut self, bytes_max: usize) -> Task {
        let mut bytes = 0;
        let mut count = 0;
        for operation in &self.queue {
            if count > 0 && bytes + operation.bytes > bytes_max {
                break;
            }
            bytes += operation.bytes;
            count += 1;
        }
        let operations: Vec<Operation> = self.queue.drain(..count).collect();
        self.due = None;
        let lazy = if self.queue.is_empty() {
            std::mem::take(&mut self.lazy)
        } else {
            BTreeMap::new()
        };
        Task::Write { operations, lazy }
    }
}
