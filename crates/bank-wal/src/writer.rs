//! The writer thread. It takes a batch from the queue, writes it once, syncs once, and then acknowledges each
//! operation.
//!
//! Any error is final. A failed fsync is never repeated, because the kernel may have dropped the pages and marked them
//! clean. Every operation in flight and every later operation gets the error.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::active::{ActiveSegment, reserve_for};
use crate::anchor::{Anchor, SyncedMark};
use crate::error::Failure;
use crate::format::{Encoder, Kind, NO_INDEX, SEGMENT_HEADER_BYTES, SegmentHeader, segment_key};
use crate::index::{EntryIndex, Place};
use crate::lock::DirectoryLock;
use crate::options::Options;
use crate::shared::{Change, Operation, Shared, Task};
use crate::upkeep::{Upkeep, fill_bytes};

/// A buffer that a large batch has extended beyond this size is released, in bytes.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// The records that the first segment after a creation or an open takes, in bytes. It is short, because that segment is
/// not filled with zeros, and a little shorter than one reservation. Each later segment may be twice as long as the one
/// before it, so a log with few records has small files.
const FIRST_SEGMENT_BYTES: u64 = 960 << 10;

/// The part of the active segment that this process writes.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// The end of the records when the segment was created or opened, in bytes.
    start: u64,
    /// The length at which the segment is full, in bytes.
    full: u64,
}

impl Span {
    /// The span of the first segment after a creation or an open.
    pub(crate) fn first(tail: u64, segment_bytes: u64) -> Span {
        let full = segment_bytes.min(tail.saturating_add(FIRST_SEGMENT_BYTES));
        Span { start: tail, full }
    }

    /// The span of the segment after this one.
    fn next(self, segment_bytes: u64) -> Span {
        let written = self.full.saturating_sub(self.start).max(FIRST_SEGMENT_BYTES);
        let full = segment_bytes.min(written.saturating_mul(2));
        Span { start: 0, full }
    }

    /// How much of the next segment, which takes `all` bytes, should be filled when the records of this one end at
    /// `tail`. Nothing until this one is half full, and everything when it is full.
    fn ahead(self, tail: u64, all: u64) -> Option<u64> {
        let half = self.full.saturating_sub(self.start) / 2;
        let past = tail.checked_sub(self.start + half)?;
        Some(past.saturating_mul(all) / half.max(1))
    }
}

/// The state that the written records describe, without the entries. The head of each new segment repeats it, so that
/// older segments can be deleted.
pub(crate) struct WrittenState {
    pub(crate) slots: BTreeMap<u8, Bytes>,
    pub(crate) purged: Option<(u64, Bytes)>,
    pub(crate) next: Option<u64>,
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) dir: PathBuf,
    pub(crate) stamp: [u8; 16],
    pub(crate) options: Options,
    pub(crate) active: ActiveSegment,
    pub(crate) anchor: Arc<Anchor>,
    pub(crate) upkeep: Upkeep,
    pub(crate) span: Span,
    /// How much of the next segment the upkeep was asked to fill, in bytes. 0: it was not asked for the segment.
    pub(crate) asked_bytes: u64,
    pub(crate) written: WrittenState,
    /// The place up to which the active segment is synced.
    pub(crate) synced: SyncedMark,
    /// The oldest segment that is not being deleted.
    pub(crate) first: u32,
    /// Whether a purge was written since segments were last deleted.
    pub(crate) purged: bool,
    pub(crate) buffer: Vec<u8>,
    /// Held until the thread ends, even if the log is dropped before.
    pub(crate) _lock: DirectoryLock,
}

/// Fails the log if the writer panics, so that no caller waits for it without end.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let failure = Failure::new(&io::Error::other("its writer panicked"));
            fail_operations(self.0.fail(&failure), &failure);
        }
    }
}

impl Writer {
    /// Runs until the log is closed or fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let _guard = PanicGuard(self.shared.clone());
        loop {
            let (operations, outcome) = match self.shared.next_task() {
                Task::Write { operations, lazy } => self.commit(operations, &lazy),
                Task::Reserve => (Vec::new(), self.reserve_ahead()),
                Task::Close => (Vec::new(), self.close_cleanly()),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    let failure = Failure::new(&error);
                    tracing::error!(dir = %self.dir.display(), %error, "the journal has stopped");
                    let queued = self.shared.fail(&failure);
                    fail_operations(operations, &failure);
                    fail_operations(queued, &failure);
                    return Err(error);
                }
            }
        }
    }

    /// Writes, syncs and acknowledges a batch. Returns the operations that were not acknowledged, and the error or
    /// whether to go on.
    fn commit(&mut self, operations: Vec<Operation>, lazy: &BTreeMap<u8, Bytes>) -> (Vec<Operation>, io::Result<bool>) {
        if let Err(error) = self.make_durable(&operations, lazy) {
            return (operations, Err(error));
        }
        // All operations are synced, so each is acknowledged even if another acknowledgement panics.
        let mut all_well = true;
        for operation in operations {
            all_well &= acknowledge(operation, Ok(()));
        }
        if !all_well {
            return (Vec::new(), Err(io::Error::other("an acknowledgement panicked")));
        }
        (Vec::new(), self.maintain())
    }

    fn make_durable(&mut self, operations: &[Operation], lazy: &BTreeMap<u8, Bytes>) -> io::Result<()> {
        let places = self.write(operations, lazy)?;
        if operations.is_empty() {
            return Ok(());
        }
        self.sync()?;
        self.anchor.hint(self.synced)?;
        self.shared.publish(operations, &places);
        Ok(())
    }

    /// Writes a batch with one write call. Returns the operation number, index and place of each entry.
    fn write(&mut self, operations: &[Operation], lazy: &BTreeMap<u8, Bytes>) -> io::Result<Vec<(u64, u64, Place)>> {
        let sequence = self.active.sequence;
        let key = segment_key(&self.stamp, sequence);
        let mut places = Vec::new();
        self.buffer.clear();
        let mut encoder = Encoder::new(&mut self.buffer, key, self.active.tail, self.active.chain);
        encoder.batch(self.synced.offset);
        for operation in operations {
            match &operation.change {
                Change::Append(entries) => {
                    for (index, payload) in entries {
                        let offset = encoder.record(Kind::Entry, 0, *index, payload);
                        let offset = u32::try_from(offset).map_err(io::Error::other)?;
                        let place = Place {
                            sequence,
                            offset,
                            len: payload.len() as u32,
                        };
                        places.push((operation.number, *index, place));
                    }
                }
                Change::State(slot, value) => drop(encoder.record(Kind::State, *slot, 0, value)),
                Change::Truncate(after) => drop(encoder.record(Kind::Truncate, 0, after.unwrap_or(NO_INDEX), &[])),
                Change::Purge(index, note) => {
                    self.purged = true;
                    encoder.record(Kind::Purge, 0, *index, note);
                }
            }
            self.written.apply(&operation.change);
        }
        for (slot, value) in lazy {
            encoder.record(Kind::State, *slot, 0, value);
            self.written.slots.insert(*slot, value.clone());
        }
        let (end, chain) = (encoder.offset(), encoder.chain());
        self.active.reserved = reserve_for(&self.active.file, self.active.reserved, end, self.active.reserve_step)?;
        self.active.file.write(&self.buffer, self.active.tail)?;
        (self.active.tail, self.active.chain) = (end, chain);
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        Ok(places)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.active.file.sync()?;
        self.synced = self.active.mark();
        Ok(())
    }

    /// Does the work that can wait until after the acknowledgements.
    fn maintain(&mut self) -> io::Result<bool> {
        self.upkeep.check()?;
        if self.active.tail >= self.span.full {
            self.rotate()?;
        }
        if self.purged {
            self.delete_purged_segments();
        }
        self.prepare_ahead();
        self.reserve_ahead()
    }

    /// Asks for the next segment from the time at which the active one is half full. Asks again if the disk had no room.
    fn prepare_ahead(&mut self) {
        if self.upkeep.is_short_of_space() {
            self.asked_bytes = 0;
        }
        let piece = fill_bytes(self.options.segment_bytes);
        // The last batch may pass the length at which a segment is full, so there is one piece more.
        let all = self.span.next(self.options.segment_bytes).full.next_multiple_of(piece) + piece;
        let Some(ahead) = self.span.ahead(self.active.tail, all) else {
            return;
        };
        let wanted = ahead.next_multiple_of(piece).clamp(piece, all);
        if wanted > self.asked_bytes {
            self.asked_bytes = wanted;
            let fill = if self.options.reserve_bytes == 0 { 0 } else { wanted };
            self.upkeep.prepare(self.active.sequence + 1, fill);
        }
    }

    /// Starts the next segment. The anchor names the segment before any record in it is acknowledged.
    fn rotate(&mut self) -> io::Result<()> {
        if self.synced != self.active.mark() {
            self.sync()?;
        }
        let sequence = self
            .active
            .sequence
            .checked_add(1)
            .ok_or_else(|| io::Error::other("too many segments"))?;
        let header = SegmentHeader {
            stamp: self.stamp,
            sequence,
            next_index: self.written.next.unwrap_or(NO_INDEX),
            previous_len: self.active.tail,
            previous_chain: self.active.chain,
            reserve_step: self.active.reserve_step,
        };
        let mut head = Vec::new();
        let chain = self.written.encode_head(&mut head, &header);
        let prepared = self.upkeep.take(sequence)?;
        let next = ActiveSegment::start(prepared.file, prepared.filled, &header, &head, chain)?;
        self.anchor.update(|state| state.synced = next.mark())?;
        let full = std::mem::replace(&mut self.active, next);
        self.synced = self.active.mark();
        (self.span, self.asked_bytes) = (self.span.next(self.options.segment_bytes), 0);
        self.shared.lock().segments.insert(sequence, self.active.file.clone());
        self.upkeep.trim(full.file, full.tail);
        Ok(())
    }

    /// Has the segments deleted that hold only purged entries.
    fn delete_purged_segments(&mut self) {
        if self.written.purged.is_none() {
            // Without a purge no segment is deleted, even if it holds only truncated entries. A log without its first
            // segment and without a purge would look like a lost file.
            self.purged = false;
            return;
        }
        if let Some(needed) = self.shared.oldest_needed(self.active.sequence) {
            self.purged = false;
            if needed > self.first {
                self.first = needed;
                self.upkeep.delete_before(needed);
            }
        }
    }

    /// Reserves the next step of space before it is needed. A full disk is not an error here, nor for the next segment.
    /// It is recorded, and the reservation is tried again later.
    fn reserve_ahead(&mut self) -> io::Result<bool> {
        let step = u64::from(self.active.reserve_step);
        let wanted = (self.active.tail + step / 2).min(self.span.full);
        let outcome = reserve_for(
            &self.active.file,
            self.active.reserved,
            wanted,
            self.active.reserve_step,
        );
        let low = match outcome {
            Ok(reserved) => {
                self.active.reserved = reserved;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull => true,
            Err(error) => return Err(error),
        };
        self.shared.lock().space_low = low || self.upkeep.is_short_of_space();
        Ok(true)
    }

    /// Closes the log cleanly: syncs everything, stores the end in the anchor, and gives unused space back.
    fn close_cleanly(&mut self) -> io::Result<bool> {
        self.sync()?;
        self.upkeep.finish()?;
        self.anchor.update(|state| {
            state.synced = self.synced;
            state.clean = true;
        })?;
        self.active.file.set_len(self.active.tail)?;
        Ok(false)
    }
}

impl WrittenState {
    pub(crate) fn new(index: &EntryIndex, slots: &BTreeMap<u8, Bytes>) -> WrittenState {
        WrittenState {
            slots: slots.clone(),
            purged: index.purged().cloned(),
            next: index.next(),
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Append(entries) => {
                if let Some((last, _)) = entries.last() {
                    self.next = Some(last + 1);
                }
            }
            Change::State(slot, value) => drop(self.slots.insert(*slot, value.clone())),
            Change::Truncate(None) => self.next = self.purged.as_ref().map(|(index, _)| index + 1),
            Change::Truncate(Some(after)) => self.next = self.next.map(|next| next.min(after + 1)),
            Change::Purge(index, note) => {
                self.purged = Some((*index, note.clone()));
                self.next = Some(self.next.map_or(index + 1, |next| next.max(index + 1)));
            }
        }
    }

    /// Encodes the records at the head of a new segment. Returns the chain after them.
    fn encode_head(&self, out: &mut Vec<u8>, header: &SegmentHeader) -> u32 {
        let key = segment_key(&header.stamp, header.sequence);
        let mut encoder = Encoder::new(out, key, SEGMENT_HEADER_BYTES, header.chain());
        // The synced offset is 0, because these records are synced together with the new file.
        encoder.batch(0);
        if let Some((index, note)) = &self.purged {
            encoder.record(Kind::Purge, 0, *index, note);
        }
        for (slot, value) in &self.slots {
            encoder.record(Kind::State, *slot, 0, value);
        }
        encoder.chain()
    }
}

fn fail_operations(operations: Vec<Operation>, failure: &Failure) {
    for operation in operations {
        acknowledge(operation, Err(failure.to_io()));
    }
}

/// Calls the callback of an operation. `false`: the callback panicked.
fn acknowledge(operation: Operation, outcome: io::Result<()>) -> bool {
    catch_unwind(AssertUnwindSafe(|| (operation.done)(outcome))).is_ok()
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
