//! The one thread that writes: it drains the queue, writes once, syncs once, then acknowledges.
//!
//! Any error is final. An fsync that failed is never tried again, since the kernel may have dropped the
//! pages and marked them clean; every operation in flight and every later one gets the error.

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

/// A buffer that grew beyond this for one large batch is given back, bytes.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// What the records written so far say, without the entries: the head of the next segment repeats it, so that
/// older segments can go.
pub(crate) struct Written {
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
    pub(crate) written: Written,
    /// How far the active segment is synced.
    pub(crate) synced: SyncedMark,
    /// A purge is on disk, and older segments may be superfluous.
    pub(crate) purged: bool,
    pub(crate) buffer: Vec<u8>,
    /// Held until the thread ends, whatever happens to the journal.
    pub(crate) _lock: DirectoryLock,
}

/// Makes sure that no caller waits for a writer that is gone, should it ever panic.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let failure = Failure::new(&io::Error::other("its writer panicked"));
            refuse(self.0.fail(&failure), &failure);
        }
    }
}

impl Writer {
    /// Runs until the journal is closed or fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let _farewell = Farewell(self.shared.clone());
        loop {
            let (operations, outcome) = match self.shared.next_task() {
                Task::Write { operations, lazy } => self.commit(operations, &lazy),
                Task::Reserve => (Vec::new(), self.reserve_ahead()),
                Task::Close => (Vec::new(), self.finish()),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    let failure = Failure::new(&error);
                    tracing::error!(dir = %self.dir.display(), %error, "the journal has stopped");
                    let queued = self.shared.fail(&failure);
                    refuse(operations, &failure);
                    refuse(queued, &failure);
                    return Err(error);
                }
            }
        }
    }

    /// Writes, syncs and acknowledges. Returns what was not acknowledged, with the error, or nothing and whether to go on.
    fn commit(&mut self, operations: Vec<Operation>, lazy: &BTreeMap<u8, Bytes>) -> (Vec<Operation>, io::Result<bool>) {
        if let Err(error) = self.make_durable(&operations, lazy) {
            return (operations, Err(error));
        }
        // Every one of them is on disk, so every one hears it, even if one panics.
        let mut all_well = true;
        for operation in operations {
            all_well &= answer(operation, Ok(()));
        }
        if !all_well {
            return (Vec::new(), Err(io::Error::other("an acknowledgement panicked")));
        }
        (Vec::new(), self.tidy())
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

    /// One batch, one write. Returns operation number, index and place of each entry.
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

    /// What can wait until the callers have their answer.
    fn tidy(&mut self) -> io::Result<bool> {
        if self.active.tail >= self.options.segment_bytes {
            self.rotate()?;
        }
        if self.purged {
            self.delete_superfluous()?;
        }
        self.reserve_ahead()
    }

    /// Starts the next segment. The anchor names it before anything is acknowledged from it.
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

    /// Deletes the segments that hold nothing but purged entries. The anchor forgets them first.
    fn delete_superfluous(&mut self) -> io::Result<()> {
        if self.written.purged.is_none() {
            // Older segments may hold nothing but truncated entries; a journal without its first segment and without a
            // purge is what a lost file looks like, though, so they stay.
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

    /// Reserves the next step before it is needed. A full disk is no failure yet: it is noted, and tried again.
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

    /// A clean close: all is synced, the anchor knows the very end, the reserved space is given back.
    fn finish(&mut self) -> io::Result<bool> {
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

impl Written {
    pub(crate) fn new(index: &EntryIndex, slots: &BTreeMap<u8, Bytes>) -> Written {
        Written {
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

    /// The records at the head of a new segment; returns the chain behind them.
    fn encode_head(&self, out: &mut Vec<u8>, header: &SegmentHeader) -> u32 {
        let key = segment_key(&header.stamp, header.sequence);
        let mut encoder = Encoder::new(out, key, SEGMENT_HEADER_BYTES, header.chain());
        // 0: these records are part of creating the file, which nobody relies upon before it is synced.
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

fn refuse(operations: Vec<Operation>, failure: &Failure) {
    for operation in operations {
        answer(operation, Err(failure.to_io()));
    }
}

/// Tells the caller. `false`: the acknowledgement panicked.
fn answer(operation: Operation, outcome: io::Result<()>) -> bool {
    catch_unwind(AssertUnwindSafe(|| (operation.done)(outcome))).is_ok()
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
