//! The upkeep thread: prepares the next segment, and trims and deletes old ones, so that the writer's thread only writes
//! and syncs.
//!
//! A write into a block that holds written zeros is synced faster than a write into a block that is only reserved,
//! because the file system need not record that the block is in use now. So the next segment is filled with zeros
//! while the active one is being written. The active segment itself is never filled: zeros could overwrite a record, and
//! its syncs would wait for them.
//!
//! A prepared segment has its final name and holds only zeros. Recovery takes it for a rotation that did not finish, and
//! removes it.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::anchor::Anchor;
use crate::error::explain;
use crate::options::Options;
use crate::segment::{SegmentFile, segment_path, sync_directory};
use crate::shared::Shared;

/// The most bytes that are filled and synced at a time. Syncs of the active segment on another thread were not slower
/// beside pieces of this size, and slower beside pieces of 1 MiB.
pub(crate) const FILL_BYTES_MAX: u64 = 256 << 10;

/// The writer's handle on the upkeep thread. Dropping it ends the thread and leaves undone work to recovery.
pub(crate) struct Upkeep {
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
}

/// A segment file that is ready to be written.
pub(crate) struct Prepared {
    pub(crate) file: Arc<SegmentFile>,
    /// The length of the file, all of it zeros, in bytes.
    pub(crate) filled: u64,
}

/// What the writer wants done, with its lock and its conditions.
#[derive(Default)]
struct Board {
    tasks: Mutex<Tasks>,
    /// Signals work to the thread.
    work: Condvar,
    /// Signals the end of a step to the writer.
    done: Condvar,
}

#[derive(Default)]
struct Tasks {
    /// The number of the next segment, and up to which offset it should be filled.
    wanted: Option<(u32, u64)>,
    prepared: Option<Prepared>,
    /// Whether zeros are being written to the prepared segment.
    filling: bool,
    /// Whether the writer waits for the next segment.
    awaited: bool,
    /// Whether the disk had no room for the next segment when it was last tried.
    short_of_space: bool,
    /// Full segments, with the length to which each is cut. There is at most one for each rotation.
    full: VecDeque<(Arc<SegmentFile>, u64)>,
    /// Segments before this one are no longer needed.
    needed: Option<u32>,
    failure: Option<io::Error>,
    phase: Phase,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Running,
    /// The log is closed: old segments are still trimmed and deleted.
    Finishing,
    /// The thread ends without further work, or has ended.
    Ended,
}

/// One step of the thread.
enum Step {
    Create(u32),
    Fill(Arc<SegmentFile>, u64),
    Trim(Arc<SegmentFile>, u64),
    Delete(u32),
}

/// The thread's own side.
struct Worker {
    board: Arc<Board>,
    dir: PathBuf,
    options: Options,
    anchor: Arc<Anchor>,
    shared: Arc<Shared>,
}

impl Upkeep {
    pub(crate) fn start(
        dir: PathBuf,
        options: Options,
        anchor: Arc<Anchor>,
        shared: Arc<Shared>,
    ) -> io::Result<Upkeep> {
        let board = Arc::<Board>::default();
        let worker = Worker {
            board: board.clone(),
            dir,
            options,
            anchor,
            shared,
        };
        let thread = std::thread::Builder::new()
            .name("journal-upkeep".to_owned())
            .spawn(move || worker.run())?;
        Ok(Upkeep {
            board,
            thread: Some(thread),
        })
    }

    /// Asks for segment `sequence`, filled up to offset `filled`. Does not wait.
    pub(crate) fn prepare(&self, sequence: u32, filled: u64) {
        self.board.lock().wanted = Some((sequence, filled));
        self.board.work.notify_one();
    }

    /// Takes segment `sequence` over. Waits until the file exists and nothing is being written to it. That is rarely
    /// the case for longer than one piece takes, because the segment was asked for long before.
    pub(crate) fn take(&self, sequence: u32) -> io::Result<Prepared> {
        let mut tasks = self.board.lock();
        tasks.awaited = true;
        tasks.wanted.get_or_insert((sequence, 0));
        self.board.work.notify_one();
        loop {
            tasks.check()?;
            if !tasks.filling
                && let Some(prepared) = tasks.prepared.take()
            {
                tasks.awaited = false;
                tasks.wanted = None;
                tasks.short_of_space = false;
                return Ok(prepared);
            }
            tasks = self.board.done.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the disk had no room for the next segment. The writer then has to ask again.
    pub(crate) fn is_short_of_space(&self) -> bool {
        self.board.lock().short_of_space
    }

    /// Cuts a full segment to its length later.
    pub(crate) fn trim(&self, file: Arc<SegmentFile>, len: u64) {
        self.board.lock().full.push_back((file, len));
        self.board.work.notify_one();
    }

    /// Deletes the segments before `needed` later. The purge of their entries is on disk.
    pub(crate) fn delete_before(&self, needed: u32) {
        self.board.lock().needed = Some(needed);
        self.board.work.notify_one();
    }

    /// The error that stopped the thread, once.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.board.lock().check()
    }

    /// Waits until old segments are trimmed and deleted, removes the prepared segment, and ends the thread.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.end(Phase::Finishing);
        let mut tasks = self.board.lock();
        if let Some(prepared) = tasks.prepared.take() {
            let path = prepared.file.path();
            std::fs::remove_file(path).map_err(|e| explain(&e, "removing", path))?;
        }
        tasks.failure.take().map_or(Ok(()), Err)
    }

    fn end(&mut self, phase: Phase) {
        {
            let mut tasks = self.board.lock();
            if tasks.phase == Phase::Running {
                tasks.phase = phase;
            }
        }
        self.board.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and has left the phase at its end.
            let _ = thread.join();
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.end(Phase::Ended);
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks {
    fn check(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.phase == Phase::Ended => Err(io::Error::other("the journal's upkeep has ended")),
            None => Ok(()),
        }
    }

    /// The next step. The writer may wait for a segment, so that comes first.
    fn next_step(&mut self) -> Option<Step> {
        if self.failure.is_some() || self.phase == Phase::Ended {
            return None;
        }
        if self.phase == Phase::Running
            && let Some((sequence, wanted)) = self.wanted
        {
            match &self.prepared {
                None => return Some(Step::Create(sequence)),
                Some(prepared) if prepared.filled < wanted && !self.awaited => {
                    self.filling = true;
                    return Some(Step::Fill(prepared.file.clone(), prepared.filled));
                }
                Some(_) => {}
            }
        }
        if let Some((file, len)) = self.full.pop_front() {
            return Some(Step::Trim(file, len));
        }
        self.needed.take().map(Step::Delete)
    }
}

/// Wakes the writer when the thread ends, even by a panic.
struct Ended(Arc<Board>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().phase = Phase::Ended;
        self.0.done.notify_all();
    }
}

impl Worker {
    fn run(self) {
        let _ended = Ended(self.board.clone());
        let mut tasks = self.board.lock();
        loop {
            let Some(step) = tasks.next_step() else {
                if tasks.phase != Phase::Running {
                    return;
                }
                tasks = self.board.work.wait(tasks).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(tasks);
            tasks = self.perform(step);
            self.board.done.notify_all();
        }
    }

    /// Performs a step and records its outcome.
    fn perform(&self, step: Step) -> MutexGuard<'_, Tasks> {
        match step {
            Step::Create(sequence) => {
                let created = self.create(sequence);
                let mut tasks = self.board.lock();
                match created {
                    Ok(file) => {
                        let file = Arc::new(file);
                        tasks.prepared = Some(Prepared { file, filled: 0 });
                        tasks.short_of_space = false;
                    }
                    Err(error) if tasks.awaited => tasks.failure = Some(error),
                    // The disk may be full only for now. The writer will ask again.
                    Err(error) => {
                        tasks.wanted = None;
                        tasks.short_of_space = error.kind() == io::ErrorKind::StorageFull;
                    }
                }
                tasks
            }
            Step::Fill(file, from) => {
                let filled = file.fill(from, self.piece());
                let mut tasks = self.board.lock();
                tasks.filling = false;
                match (filled, &mut tasks.prepared) {
                    (Ok(true), Some(prepared)) => {
                        prepared.filled += self.piece();
                        tasks.short_of_space = false;
                    }
                    // The disk is full. The segment is used as it is.
                    (Ok(filled), _) => {
                        tasks.wanted = None;
                        tasks.short_of_space = !filled;
                    }
                    (Err(error), _) => tasks.failure = Some(error),
                }
                tasks
            }
            Step::Trim(file, len) => self.fail_on(file.set_len(len)),
            Step::Delete(needed) => self.fail_on(self.delete_before(needed)),
        }
    }

    fn fail_on(&self, outcome: io::Result<()>) -> MutexGuard<'_, Tasks> {
        let mut tasks = self.board.lock();
        if let Err(error) = outcome {
            tasks.failure = Some(error);
        }
        tasks
    }

    /// Creates the file of a segment, and makes its name durable.
    fn create(&self, sequence: u32) -> io::Result<SegmentFile> {
        let path = segment_path(&self.dir, sequence);
        let file = SegmentFile::create(path.clone(), &self.options)?;
        sync_directory(&self.dir).inspect_err(|_| {
            // A second try must not find the file. Recovery removes it if this fails too.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(file)
    }

    fn piece(&self) -> u64 {
        fill_bytes(self.options.segment_bytes)
    }

    /// Deletes segments. The anchor stops naming them first.
    fn delete_before(&self, needed: u32) -> io::Result<()> {
        let first = self.anchor.state().first;
        self.anchor.update(|state| state.first = needed)?;
        for sequence in first..needed {
            let path = segment_path(&self.dir, sequence);
            std::fs::remove_file(&path).map_err(|e| explain(&e, "removing", &path))?;
            // The file system frees the blocks when the file is closed. That must not happen under the lock.
            let closed = self.shared.lock().segments.remove(&sequence);
            drop(closed);
        }
        Ok(())
    }
}

/// The number of bytes that are filled at a time in a log with segments of this size. It is a multiple of 4096.
pub(crate) fn fill_bytes(segment_bytes: u64) -> u64 {
    segment_bytes.next_multiple_of(4096).min(FILL_BYTES_MAX)
}
