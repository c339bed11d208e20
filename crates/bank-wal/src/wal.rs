//! What callers see: open, change, read, close.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;

use crate::error::{Failure, OpenError};
use crate::format::{PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, RecordHeader, record_bytes, segment_key};
use crate::index::Place;
use crate::lock::DirectoryLock;
use crate::options::Options;
use crate::recovery::{Recovery, recover};
use crate::segment::SegmentFile;
use crate::shared::{Change, Shared};
use crate::writer::{Writer, Written};

/// The largest value of a state slot, bytes: every new segment repeats all of them.
const STATE_BYTES_MAX: usize = 64 << 10;
/// Neighbouring entries are read from a file in pieces of at most about this, bytes.
const READ_BYTES_MAX: usize = 1 << 20;

/// Which entries a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The index up to which (inclusive) entries were purged last, and the caller's note.
    pub purged: Option<(u64, Bytes)>,
    /// The first entry held; `None` if there is none.
    pub first_index: Option<u64>,
    /// The last entry held; `None` if there is none (the purged index is not counted).
    pub last_index: Option<u64>,
    /// The index that the next appended entry must have; `None` if any will do: nothing was appended or purged yet.
    pub next_index: Option<u64>,
}

/// What [`Wal::open`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// There was no journal, and a new one was made.
    pub created: bool,
    /// Bytes of a write that was never synced, hence never acknowledged, and was dropped.
    pub dropped_bytes: u64,
    /// Segment files in use.
    pub segments: usize,
}

/// An open write-ahead log. Share it by `Arc`; every method takes `&self`.
///
/// Changes take effect for readers at once, in the order of the calls, and reach the disk in that same order. `done`
/// is called exactly once, on the writer's thread, after the fdatasync that covers the change or with the error that
/// prevents it. It must be quick, must not panic (that stops the journal), and must not call a method of the journal that can block (`append`, `put_state`,
/// `truncate_after`, `purge_to`, `close`): the queue is emptied by the same thread.
///
/// A method that returns an error has changed nothing, and drops `done` without calling it:
/// [`io::ErrorKind::InvalidInput`] means that the call makes no sense (the journal goes on), any other kind that the
/// journal has stopped. The first I/O error is final: nothing is retried, every pending and later change gets
/// that error, reads go on, and only a new [`Wal::open`] can tell what is on disk.
///
/// A full queue ([`Options::queue_bytes`]) blocks the caller until the disk has caught up.
pub struct Wal {
    shared: Arc<Shared>,
    stamp: [u8; 16],
    recovered: Recovered,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Wal {
    /// Recovers the journal in `dir`, or creates one (and `dir`) if there is none. Blocks until it is durable, locked
    /// against others and has space reserved: up to some hundred milliseconds.
    ///
    /// `stamp` says whose journal this is (bank and replica); one of another owner is refused.
    pub fn open(dir: &Path, stamp: [u8; 16], options: Options) -> Result<Wal, OpenError> {
        options.validate()?;
        std::fs::create_dir_all(dir).map_err(OpenError::io("creating", dir))?;
        let lock = DirectoryLock::acquire(dir)?;
        let Recovery {
            index,
            slots,
            segments,
            active,
            anchor,
            dropped_bytes,
            created,
        } = recover(dir, stamp, &options)?;
        let recovered = Recovered {
            created,
            dropped_bytes,
            segments: segments.len(),
        };
        let written = Written::new(&index, &slots);
        let shared = Arc::new(Shared::new(index, slots, segments, &options));
        let writer = Writer {
            shared: shared.clone(),
            dir: dir.to_owned(),
            stamp,
            options,
            synced: active.mark(),
            active,
            anchor,
            written,
            purged: true,
            buffer: Vec::new(),
            _lock: lock,
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::io("starting the writer", dir))?;
        Ok(Wal {
            shared,
            stamp,
            recovered,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Appends entries, whose indexes must be consecutive and follow [`Bounds::next_index`]. They can be read as soon
    /// as this returns; `done` is called once they are on disk. A payload is at most 64 MiB.
    ///
    /// Payloads stay in memory until synced, and longer as long as they are recent: a `Bytes` that is a small part of a large
    /// buffer keeps all of it alive, so copy such ones first.
    pub fn append(
        &self,
        entries: Vec<(u64, Bytes)>,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        for (index, payload) in &entries {
            check_len(payload, PAYLOAD_BYTES_MAX, format_args!("entry {index}"))?;
        }
        self.shared.submit(Change::Append(entries), Box::new(done))
    }

    /// Sets state slot `slot`, durably before `done` is called. A value is at most 64 KiB.
    pub fn put_state(
        &self,
        slot: u8,
        value: Bytes,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        check_len(&value, STATE_BYTES_MAX, format_args!("state slot {slot}"))?;
        self.shared.submit(Change::State(slot, value), Box::new(done))
    }

    /// Sets state slot `slot` without asking for a sync: the value is written with the next batch, or on its own some
    /// 50 ms later or at close, and may be lost by a crash, in which case an earlier value comes back. Never waits for
    /// the disk. A value is at most 64 KiB.
    pub fn put_state_lazily(&self, slot: u8, value: Bytes) -> io::Result<()> {
        check_len(&value, STATE_BYTES_MAX, format_args!("state slot {slot}"))?;
        self.shared.submit_lazily(slot, value)
    }

    /// Drops every entry after `index` (`None`: every entry held). The next entry is then `index + 1`. Dropping below
    /// what was purged is an error; where there is nothing to drop, nothing happens, but `done` still waits for its turn.
    pub fn truncate_after(
        &self,
        index: Option<u64>,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        self.shared.submit(Change::Truncate(index), Box::new(done))
    }

    /// Drops every entry up to and including `index` and remembers `note` (at most 64 KiB) with it. `index` may lie beyond
    /// the last entry: the journal is then empty, and continues at `index + 1`. An index below an earlier purge is an
    /// error; the same index again replaces the note. Files that hold purged entries only are deleted some time after.
    pub fn purge_to(
        &self,
        index: u64,
        note: Bytes,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        check_len(&note, STATE_BYTES_MAX, format_args!("the note of purge {index}"))?;
        self.shared.submit(Change::Purge(index, note), Box::new(done))
    }

    /// The entries of `range` that are held, in order, without a gap: as many as fit into `max_bytes` of payload, but at least one if
    /// there is one. Recent entries come from memory, older ones from the files, verified; damage there is an
    /// [`io::ErrorKind::InvalidData`] error that names file and offset. May block on the disk.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<(u64, Bytes)>> {
        let mut found = Vec::new();
        for piece in self.locate(range, max_bytes)? {
            match piece {
                Piece::InMemory(index, payload) => found.push((index, payload)),
                Piece::InFile { file, first, places } => self.read_file(&file, first, &places, &mut found)?,
            }
        }
        Ok(found)
    }

    /// The newest value of state slot `slot`, synced or not.
    pub fn state(&self, slot: u8) -> Option<Bytes> {
        self.shared.lock().slots.get(&slot).cloned()
    }

    /// Which entries there are, synced or not.
    pub fn bounds(&self) -> Bounds {
        let view = self.shared.lock();
        let range = view.index.range();
        Bounds {
            purged: view.index.purged().cloned(),
            first_index: (!range.is_empty()).then_some(range.start),
            last_index: (!range.is_empty()).then(|| range.end - 1),
            next_index: view.index.next(),
        }
    }

    /// The error that stopped the journal, if it has stopped.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failure().map(Failure::message)
    }

    /// Whether space could not be reserved ahead of need the last time that was tried (it is tried again every second): the disk is
    /// full, or nearly so, and new work is better refused. A write that then finds no space stops the journal.
    pub fn is_space_low(&self) -> bool {
        self.shared.lock().space_low
    }

    /// What the open found.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Writes and syncs what is queued, marks the journal as cleanly closed, gives reserved space back and unlocks
    /// the directory. Blocks until that is done. Later changes are errors; reads go on. A second call does nothing.
    /// Dropping the journal does the same, and loses the error.
    pub fn close(&self) -> io::Result<()> {
        self.shared.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // An acknowledgement that holds the last reference runs on the writer's own thread, which cannot wait for itself.
        let thread = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the journal's writer panicked")),
        }
    }

    /// Decides, under the lock, where each entry comes from. Files that are deleted meanwhile stay readable.
    fn locate(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Piece>> {
        let view = self.shared.lock();
        let held = view.index.range();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut bytes = 0;
        for index in range.start.max(held.start)..range.end.min(held.end) {
            let Some(place) = view.index.place(index) else { break };
            bytes += place.len as usize;
            if bytes > max_bytes && !pieces.is_empty() {
                break;
            }
            if let Some(payload) = view.recent.get(index) {
                pieces.push(Piece::InMemory(index, payload.clone()));
                continue;
            }
            let Some(file) = view.segments.get(&place.sequence) else {
                return Err(io::Error::other(format!(
                    "entry {index} is neither in memory nor in a segment"
                )));
            };
            match pieces.last_mut() {
                Some(Piece::InFile { places, .. }) if is_near(places, place) => places.push(place),
                _ => pieces.push(Piece::InFile {
                    file: file.clone(),
                    first: index,
                    places: vec![place],
                }),
            }
        }
        Ok(pieces)
    }

    /// Reads neighbouring entries at once, and verifies each.
    fn read_file(
        &self,
        file: &SegmentFile,
        first: u64,
        places: &[Place],
        found: &mut Vec<(u64, Bytes)>,
    ) -> io::Result<()> {
        let (Some(start), Some(last)) = (places.first(), places.last()) else {
            return Ok(());
        };
        let key = segment_key(&self.stamp, start.sequence);
        let mut buffer = vec![0; (last.offset - start.offset) as usize + record_bytes(last.len as usize)];
        file.read(&mut buffer, u64::from(start.offset))?;
        for (index, place) in (first..).zip(places) {
            let record = &buffer[(place.offset - start.offset) as usize..];
            let payload = RecordHeader::decode(record, key, u64::from(place.offset)).and_then(|header| {
                match header.index == index && header.len == place.len {
                    true => header.payload(&record[RECORD_HEADER_BYTES..]),
                    false => Err("another record stands here"),
                }
            });
            let payload = payload.map_err(|what| {
                let path = file.path().display();
                let what = format!(
                    "{path} is damaged at byte {}: {what}, where entry {index} was",
                    place.offset
                );
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?;
            found.push((index, Bytes::copy_from_slice(payload)));
        }
        Ok(())
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the journal was not closed cleanly");
        }
    }
}

impl std::fmt::Debug for Wal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("bounds", &self.bounds())
            .finish_non_exhaustive()
    }
}

/// Where some consecutive entries come from.
enum Piece {
    InMemory(u64, Bytes),
    InFile {
        file: Arc<SegmentFile>,
        first: u64,
        places: Vec<Place>,
    },
}

/// Whether `place` follows closely enough to be read together with `places`.
fn is_near(places: &[Place], place: Place) -> bool {
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return false;
    };
    let end = u64::from(last.offset) + record_bytes(last.len as usize) as u64;
    place.sequence == last.sequence
        && (end..end + 4096).contains(&u64::from(place.offset))
        && u64::from(place.offset) + u64::from(place.len) < u64::from(first.offset) + READ_BYTES_MAX as u64
}

fn check_len(payload: &Bytes, max: usize, what: std::fmt::Arguments<'_>) -> io::Result<()> {
    if payload.len() <= max {
        return Ok(());
    }
    let what = format!("{what} is {} bytes long, at most {max} are possible", payload.len());
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}
