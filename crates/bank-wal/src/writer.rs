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
use crate::anchor::{Anchor, AnchorState, SyncedMark};
use crate::error::{Failure, explain};
use crate::format::{Encoder, Kind, NO_INDEX, SEGMENT_HEADER_BYTES, SegmentHeader, segment_key};
use crate::index::{EntryIndex, Place};
use crate::lock::DirectoryLock;
use crate::options::Options;
use crate::segment::{SegmentFile, segment_path, sync_directory};
use crate::shared::{Change, Operation, Shared, Task};

/// A buffer that a large batch has extended beyond this size is released, in bytes.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

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
    pub(crate) anchor: Anchor,
    pub(crate) written: WrittenState,
    /// The place up to which the active segment is synced.
    pub(crate) synced: SyncedMark,
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
        if self.active.tail >= self.options.segment_bytes {
            self.rotate()?;
        }
        if self.purged {
            self.delete_purged_segments()?;
        }
        self.reserve_ahead()
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
        let file = SegmentFile::create(segment_path(&self.dir, sequence), &self.options)?;
        let next = ActiveSegment::start(file, &header, &head, chain)?;
        sync_directory(&self.dir)?;
        let first = self.anchor.state().first;
        self.anchor.store(AnchorState {
            first,
            synced: next.mark(),
            clean: false,
        })?;
        let full = std::mem::replace(&mut self.active, next);
        self.synced = self.active.mark();
        self.shared.lock().segments.insert(sequence, self.active.file.clone());
        full.file.set_len(full.tail)
    }

    /// Deletes the segments that hold only purged entries. The anchor stops naming them first.
    fn delete_purged_segments(&mut self) -> io::Result<()> {
        if self.written.purged.is_none() {
            // Without a purge no segment is deleted, even if it holds only truncated entries. A log without its first
            // segment and without a purge would look like a lost file.
            self.purged = false;
            return Ok(());
        }
        let state = self.anchor.state();
        let Some(needed) = self.shared.oldest_needed(self.active.sequence) else {
            return Ok(());
        };
        self.purged = false;
        if needed <= state.first {
            return Ok(());
        }
        self.anchor.store(AnchorState {
            first: needed,
            synced: self.synced,
            clean: false,
        })?;
        for sequence in state.first..needed {
            let path = segment_path(&self.dir, sequence);
            std::fs::remove_file(&path).map_err(|e| explain(&e, "removing", &path))?;
            self.shared.lock().segments.remove(&sequence);
        }
        Ok(())
    }

    /// Reserves the next step of space before it is needed. A full disk is not an error here. It is recorded, and the
    /// reservation is tried again later.
    fn reserve_ahead(&mut self) -> io::Result<bool> {
        let step = u64::from(self.active.reserve_step);
        let wanted = (self.active.tail + step / 2).min(self.options.segment_bytes);
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
        self.shared.lock().space_low = low;
        Ok(true)
    }

    /// Closes the log cleanly: syncs everything, stores the end in the anchor, and gives reserved space back.
    fn close_cleanly(&mut self) -> io::Result<bool> {
        self.sync()?;
        let first = self.anchor.state().first;
        self.anchor.store(AnchorState {
            first,
            synced: self.synced,
            clean: true,
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
