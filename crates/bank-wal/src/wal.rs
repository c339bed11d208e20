//! The public type of the log: open, change, read, close.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{Failure, OpenError};
use crate::format::{PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, RecordHeader, record_bytes, segment_key};
use crate::index::{EntryIndex, Place};
use crate::lock::DirectoryLock;
use crate::options::Options;
use crate::recovered_log::RecoveredLog;
use crate::recovery::recover;
use crate::segment::SegmentFile;
use crate::shared::{Change, Shared};
use crate::upkeep::Upkeep;
use crate::writer::{Span, Writer, WrittenState};

/// The largest value of a state slot, in bytes. It is small because each new segment repeats all slots.
const STATE_BYTES_MAX: usize = 64 << 10;
/// The approximate limit for reading neighbouring entries with one call, in bytes.
const READ_BYTES_MAX: usize = 1 << 20;

/// The indexes of the entries in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The purged index, which is the last index that a purge dropped, and the caller's note. `None`: nothing was
    /// purged.
    pub purged: Option<(u64, Bytes)>,
    /// The index of the first entry. `None`: the log has no entries.
    pub first_index: Option<u64>,
    /// The index of the last entry. `None`: the log has no entries. A purged entry does not count.
    pub last_index: Option<u64>,
    /// The index that the next appended entry must have. `None`: any index is allowed, because nothing was appended or
    /// purged yet.
    pub next_index: Option<u64>,
}

impl Bounds {
    pub(crate) fn of(index: &EntryIndex) -> Self {
        let range = index.range();
        Self {
            purged: index.purged().cloned(),
            first_index: (!range.is_empty()).then_some(range.start),
            last_index: (!range.is_empty()).then(|| range.end - 1),
            next_index: index.next(),
        }
    }
}

/// The result of recovery in [`Wal::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Whether there was no log and a new one was created.
    pub created: bool,
    /// The number of bytes of a torn tail that were dropped. They were never synced, and so never acknowledged.
    pub dropped_bytes: u64,
    /// The number of segment files in use.
    pub segments: usize,
}

/// An open write-ahead log. All methods take `&self`, so an `Arc` shares it between threads.
///
/// # Order and durability
/// Readers see a change at once. Changes reach the disk in the order of the calls. The callback `done` is called
/// exactly once, on the writer's thread, after the fdatasync that covers the change, or with the error that prevents
/// it. The callback must be quick. It must not panic, because a panic stops the log. It must not call a method that can
/// block (`append`, `put_state`, `truncate_after`, `purge_to`, `close`), because the same thread empties the queue.
///
/// # Errors
/// A method that returns an error has changed nothing, and drops `done` without calling it.
/// [`io::ErrorKind::InvalidInput`] means that the call is invalid, and the log continues. Any other kind means that the
/// log has stopped. The first I/O error is final: nothing is retried, and every pending and later change gets that
/// error. Reads continue. Only a new [`Wal::open`] can find out what is on disk.
///
/// # Blocking
/// A full queue ([`Options::queue_bytes`]) blocks the caller until the disk has caught up.
pub struct Wal {
    shared: Arc<Shared>,
    stamp: [u8; 16],
    recovered: Recovered,
    syncs: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Wal {
    /// Recovers the log in `dir`, or creates the log and `dir` if there is none. Blocks until the log is locked and
    /// durable and has space reserved, which takes up to some hundred milliseconds.
    ///
    /// `stamp` identifies the owner of the log. A log of another owner is refused.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: &Path, stamp: [u8; 16], options: Options) -> Result<Wal, OpenError> {
        options.validate()?;
        let syncs = Arc::clone(&options.syncs);
        std::fs::create_dir_all(dir).map_err(OpenError::io("creating", dir))?;
        let lock = DirectoryLock::acquire(dir)?;
        let RecoveredLog {
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
        let written = WrittenState::new(&index, &slots);
        let shared = Arc::new(Shared::new(index, slots, segments, &options));
        let anchor = Arc::new(anchor);
        let upkeep = Upkeep::start(dir.to_owned(), options.clone(), anchor.clone(), shared.clone())
            .map_err(OpenError::io("starting the upkeep", dir))?;
        let writer = Writer {
            shared: shared.clone(),
            dir: dir.to_owned(),
            stamp,
            span: Span::first(active.tail, options.segment_bytes),
            options,
            synced: active.mark(),
            active,
            first: anchor.state().first,
            anchor,
            upkeep,
            asked_bytes: 0,
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
            syncs,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Appends entries. Their indexes must be consecutive and begin at [`Bounds::next_index`]. The entries can be read
    /// as soon as this returns. `done` is called after they are synced. A payload has at most 64 MiB.
    ///
    /// Payloads stay in memory until they are synced, and longer while they are recent. A `Bytes` that is a small part
    /// of a large buffer keeps the whole buffer in memory, so copy such a payload first.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if an index does not follow or a payload is too large; any other kind if the log
    /// has stopped.
    pub fn append(
        &self,
        entries: Vec<(u64, Bytes)>,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        self.append_within(entries, Duration::ZERO, done)
    }

    /// Appends entries as [`Wal::append`] does, but lets their write and sync wait for up to `delay`, so that several
    /// appends share one sync. `done` is still called only after the sync.
    ///
    /// The wait ends earlier with any change that is not delayed, when 16 changes or [`Options::batch_bytes`] are
    /// queued, when the queue is full, or when the log is closed. So the order of changes stays the same.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub fn append_within(
        &self,
        entries: Vec<(u64, Bytes)>,
        delay: Duration,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        for (index, payload) in &entries {
            check_len(payload, PAYLOAD_BYTES_MAX, format_args!("entry {index}"))?;
        }
        self.shared.submit(Change::Append(entries), delay, Box::new(done))
    }

    /// Sets state slot `slot`. `done` is called after the value is synced. A value has at most 64 KiB.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the value is too large; any other kind if the log has stopped.
    pub fn put_state(
        &self,
        slot: u8,
        value: Bytes,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        check_len(&value, STATE_BYTES_MAX, format_args!("state slot {slot}"))?;
        self.shared
            .submit(Change::State(slot, value), Duration::ZERO, Box::new(done))
    }

    /// Sets state slot `slot` without a sync. The value is written with the next batch, or on its own about 50 ms
    /// later, or at close. After a crash an earlier value may come back. This never waits for the disk. A value has at
    /// most 64 KiB.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the value is too large; any other kind if the log has stopped.
    pub fn put_state_lazily(&self, slot: u8, value: Bytes) -> io::Result<()> {
        check_len(&value, STATE_BYTES_MAX, format_args!("state slot {slot}"))?;
        self.shared.submit_lazily(slot, value)
    }

    /// Drops every entry after `index` (`None`: every entry). The next entry is then `index + 1`. If there is nothing
    /// to drop, `done` is still called in its turn.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if `index` is below the purged index; any other kind if the log has stopped.
    pub fn truncate_after(
        &self,
        index: Option<u64>,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        self.shared
            .submit(Change::Truncate(index), Duration::ZERO, Box::new(done))
    }

    /// Drops every entry up to and including `index`, and stores `note` (at most 64 KiB) with the index. `index` may be
    /// beyond the last entry. The log is then empty and continues at `index + 1`. A purge at the same index replaces
    /// the note. Files that hold only purged entries are deleted later.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if `index` is below an earlier purge or the note is too large; any other kind if
    /// the log has stopped.
    pub fn purge_to(
        &self,
        index: u64,
        note: Bytes,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        check_len(&note, STATE_BYTES_MAX, format_args!("the note of purge {index}"))?;
        self.shared
            .submit(Change::Purge(index, note), Duration::ZERO, Box::new(done))
    }

    /// Reads the entries of `range` that the log has, in order and without a gap. Returns as many as fit into
    /// `max_bytes` of payload, but at least one if the range has one. Recent entries come from memory. Older entries
    /// come from the files and are verified, which can block on the disk.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`], with file and offset, if a file is damaged; another kind if it cannot be read.
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

    /// The indexes of the entries, synced or not.
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.shared.lock().index)
    }

    /// The error that stopped the log, if the log has stopped.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failure().map(Failure::message)
    }

    /// Whether the last reservation of space failed because the disk is full. The reservation is tried again every
    /// second. The caller should refuse new work meanwhile, because a write without space stops the log.
    pub fn is_space_low(&self) -> bool {
        self.shared.lock().space_low
    }

    /// The number of fdatasyncs of the log's segments: [`Options::syncs`].
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// The result of recovery.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Writes and syncs the queued changes, marks the log as cleanly closed, gives reserved space back and unlocks the
    /// directory. Blocks until that is done. Later changes fail, and reads continue. A second call does nothing.
    /// Dropping the log does the same, but loses the error.
    ///
    /// # Errors
    /// The error that stopped the log, or an error of the close itself.
    pub fn close(&self) -> io::Result<()> {
        self.shared.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A callback may hold the last reference and then runs this on the writer's thread. A thread cannot join
        // itself.
        let thread = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the journal's writer panicked")),
        }
    }

    /// Finds out, under the lock, where each entry is. A segment that is deleted afterwards stays readable through its
    /// open file.
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

    /// Reads neighbouring entries with one call, and verifies each.
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

/// The source of one or more consecutive entries.
enum Piece {
    InMemory(u64, Bytes),
    InFile {
        file: Arc<SegmentFile>,
        first: u64,
        places: Vec<Place>,
    },
}

/// Whether `place` is close enough after `places` to be read with the same call.
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
