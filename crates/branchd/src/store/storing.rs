//! The thread that writes decisions from memory to the file, behind the applier. Checkpoints and snapshots are requests
//! to it. Nothing that is acknowledged waits for it, unless memory has no room for further decisions.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::applied_state::AppliedState;
use super::error::BooksError;
use super::shared::Shared;
use super::writer::FileWriter;
use crate::disk;

/// The free space below which little is kept in memory, so that all of it fits into the file: eight times the reserve.
const AMPLE_ROOM_BYTES: u64 = 8 * disk::RESERVE_BYTES;

/// Takes the result of a request.
pub(crate) type Done<T> = Box<dyn FnOnce(Result<T, BooksError>) + Send>;

/// What the thread is asked to do. It first stores all that is applied.
enum Request {
    #[cfg(test)]
    Store(Done<()>),
    /// Make the file durable. The answer is the applied state that is durable then.
    Checkpoint(Done<AppliedState>),
    /// Replace the content of the file and of memory by a snapshot.
    Install(PathBuf, Done<()>),
}

/// The way to the thread. Clones share it.
#[derive(Clone)]
pub(crate) struct StoringHandle(Arc<Desk>);

impl std::fmt::Debug for StoringHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoringHandle")
    }
}

struct Desk {
    shared: Arc<Shared>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// What waits for the thread. The engine makes one snapshot at a time, so there are few requests.
#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    closing: bool,
    /// Whether nothing is stored unless a request asks for it.
    #[cfg(test)]
    paused: bool,
}

/// The next thing that the thread does.
enum Job {
    Store,
    Request(Request),
    Close,
}

/// Starts the thread.
pub(super) fn start(writer: FileWriter) -> io::Result<(StoringHandle, JoinHandle<()>)> {
    let desk = Arc::new(Desk {
        shared: Arc::clone(writer.shared()),
        waiting: Mutex::default(),
        changed: Condvar::new(),
    });
    let handle = StoringHandle(Arc::clone(&desk));
    let thread = thread::Builder::new()
        .name("storing".to_owned())
        .spawn(move || run(writer, &desk))?;
    Ok((handle, thread))
}

impl StoringHandle {
    /// Stores all that is applied, makes it durable, and answers with the applied state that is durable.
    pub(crate) fn checkpoint(&self, done: Done<AppliedState>) {
        self.0.ask(Request::Checkpoint(done));
    }

    /// Replaces the content by the snapshot in a file. See [`FileWriter::install`].
    pub(crate) fn install(&self, incoming: PathBuf, done: Done<()>) {
        self.0.ask(Request::Install(incoming, done));
    }

    /// Stores all that is applied.
    #[cfg(test)]
    pub(super) fn store(&self, done: Done<()>) {
        self.0.ask(Request::Store(done));
    }

    #[cfg(test)]
    pub(super) fn pause(&self, paused: bool) {
        self.0.waiting().paused = paused;
        self.0.changed.notify_all();
    }

    /// Tells the thread that something may be due.
    pub(super) fn wake(&self) {
        // The lock is taken so that the thread is not between its look and its wait.
        drop(self.0.waiting());
        self.0.changed.notify_all();
    }

    /// Tells the thread to store all that is applied, and to end.
    pub(super) fn close(&self) {
        self.0.waiting().closing = true;
        self.0.changed.notify_all();
    }
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // No code under the lock can panic, so the value is consistent even if the lock is poisoned.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, request: Request) {
        let mut waiting = self.waiting();
        if waiting.closing {
            drop(waiting);
            return request.refuse(|| BooksError::Stopped("the books are closed".to_owned()));
        }
        waiting.requests.push_back(request);
        drop(waiting);
        self.changed.notify_all();
    }

    /// Waits for the next job.
    fn next_job(&self) -> Job {
        let mut waiting = self.waiting();
        loop {
            if let Some(request) = waiting.requests.pop_front() {
                return Job::Request(request);
            }
            if waiting.closing {
                return Job::Close;
            }
            let due = self.shared.memory().store_due();
            #[cfg(test)]
            let due = due.filter(|_| !waiting.paused);
            waiting = match due.filter(|_| self.shared.failure.get().is_none()) {
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Job::Store;
                    }
                    let woken = self.changed.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Request {
    fn refuse(self, error: impl FnOnce() -> BooksError) {
        match self {
            #[cfg(test)]
            Self::Store(done) => done(Err(error())),
            Self::Checkpoint(done) => done(Err(error())),
            Self::Install(_, done) => done(Err(error())),
        }
    }
}

fn run(mut writer: FileWriter, desk: &Desk) {
    let shared = &desk.shared;
    loop {
        match desk.next_job() {
            Job::Store => {
                // The error has been reported, and there is nobody else to tell.
                let _ = unless_failed(shared, || store(&mut writer, shared));
            }
            #[cfg(test)]
            Job::Request(Request::Store(done)) => done(unless_failed(shared, || store(&mut writer, shared))),
            Job::Request(Request::Checkpoint(done)) => done(unless_failed(shared, || {
                store(&mut writer, shared)?;
                // Later commands are applied meanwhile, so the state is taken first.
                let stored = shared.memory().stored_state();
                writer.checkpoint()?;
                Ok(stored)
            })),
            Job::Request(Request::Install(incoming, done)) => {
                done(install(&mut writer, shared, &incoming));
            }
            Job::Close => {
                // Nothing is applied any more, so this ends.
                while !shared.memory().is_stored() && unless_failed(shared, || store(&mut writer, shared)).is_ok() {}
                return;
            }
        }
    }
}

/// Writes everything that is applied to the file.
fn store(writer: &mut FileWriter, shared: &Shared) -> Result<(), BooksError> {
    // Taken in a statement of its own, so that the lock is free while the file is written.
    let frozen = shared.memory().freeze();
    let Some(frozen) = frozen else { return Ok(()) };
    writer.store(&frozen)?;
    let short_of_room = disk::is_below(&shared.path, AMPLE_ROOM_BYTES);
    let kept = shared.memory().thaw(short_of_room);
    shared.room_may_be_there();
    // The memory is freed here, outside of the lock.
    drop(kept);
    Ok(())
}

/// A snapshot that is refused changes nothing, and is no failure of this branch's own disk.
fn install(writer: &mut FileWriter, shared: &Shared, incoming: &std::path::Path) -> Result<(), BooksError> {
    shared.unless_failed()?;
    writer.install(incoming).inspect_err(|error| {
        if error.is_final() {
            shared.fail(error);
        }
    })
}

/// Runs work that writes, unless the disk has failed before. An error of the work is final.
fn unless_failed<T>(shared: &Shared, work: impl FnOnce() -> Result<T, BooksError>) -> Result<T, BooksError> {
    shared.unless_failed()?;
    work().inspect_err(|error| shared.fail(error))
}
