//! Checkpoints of the ledger database. Only this file moves SQLite's write-ahead log into the database file and forces
//! both to disk.
//!
//! A commit leaves its pages in the write-ahead log, in the operating system's memory. Such pages survive the end of
//! the process but not a power cut. A checkpoint syncs the log, moves it into the database file, and syncs that file.
//!
//! SQLite's own checkpoints, after a commit and at the last close, drop their errors. So every connection has them
//! switched off.
//!
//! A failed sync must not be repeated, because the operating system may report success for the next sync although the
//! bytes are lost. The caller ends the process after any error from here.
//!
//! A checkpoint runs on the writer's connection. A checkpoint on another connection was measured too: commits waited
//! for the disk just as long.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

use super::error::{BooksError, Fault};
use super::files::{log_beside, sync_directory};

/// The length of the write-ahead log at which a commit moves it into the database file, in pages of 4 KiB (1 MiB).
///
/// The journal has the same disk, and its syncs wait while a checkpoint writes. So a checkpoint must be short rather than
/// rare. Checkpoints of 16 MiB took up to 240 ms, and the journal's syncs beside them up to 40 ms. Those of 1 MiB took up
/// to 8 ms, and the syncs beside them up to 7 ms. See `docs/decisions/0003-ledger.md`.
const WAL_PAGES: i64 = 256;

/// How much the log grows before the next checkpoint if a long read kept the last one from moving all of it, in pages
/// of 4 KiB.
const WAL_PAGES_MORE: i64 = 256;

/// The growth of the log after which a commit forces it to the disk, in pages of 4 KiB (256 KiB). A checkpoint begins with
/// a sync of the log, and writes less at once if most of the log is on the disk already. A branch with few writes makes
/// few of these syncs.
const WAL_PAGES_PER_SYNC: i64 = 64;

/// Follows the length of the write-ahead log through the commits of one connection.
#[derive(Debug)]
pub(super) struct LogGrowth {
    /// The length of the log at the newest commit, in pages.
    pages: Arc<AtomicI64>,
    /// The length at which the next checkpoint is due, in pages.
    due: i64,
    /// The length up to which the log is on the disk, in pages.
    synced: i64,
}

impl LogGrowth {
    /// Starts to follow the commits of the writing connection.
    pub(super) fn follow(connection: &mut Connection) -> Result<Self, Fault> {
        let pages = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(pages.into(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            pages,
            due: WAL_PAGES,
            synced: 0,
        })
    }

    /// Moves the log into the database file if the log has reached its bound, and syncs it in steps before that. Called
    /// after each commit.
    ///
    /// # Errors
    /// See [`make_durable`].
    pub(super) fn committed(&mut self, connection: &Connection, path: &Path) -> Result<(), BooksError> {
        let pages = self.pages.load(Ordering::Relaxed);
        let bound = bound(path);
        if pages < bound {
            // The log has started again at its beginning.
            self.due = bound;
        }
        if pages < self.synced {
            self.synced = 0;
        }
        if pages < self.due {
            if pages - self.synced >= WAL_PAGES_PER_SYNC {
                sync_log(path)?;
                self.synced = pages;
            }
            return Ok(());
        }
        let moved = checkpoint(connection, path)?;
        self.synced = pages;
        self.due = if moved.is_complete() {
            bound
        } else {
            pages + WAL_PAGES_MORE
        };
        Ok(())
    }
}

/// The longest length of the log, in pages.
fn bound(_path: &Path) -> i64 {
    #[cfg(feature = "planted-bugs")]
    if super::failing_disk::wants_a_small_log(_path) {
        return 16;
    }
    WAL_PAGES
}

/// The result of SQLite's checkpoint.
struct CheckpointResult {
    busy: bool,
    /// Pages in the log.
    in_log: i64,
    /// Pages of the log that are in the database file.
    moved: i64,
}

impl CheckpointResult {
    /// Whether all of the log is in the database file.
    fn is_complete(&self) -> bool {
        !self.busy && self.in_log >= 0 && self.in_log == self.moved
    }
}

fn checkpoint(connection: &Connection, path: &Path) -> Result<CheckpointResult, BooksError> {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
            Ok(CheckpointResult {
                busy: row.get::<_, i64>(0)? != 0,
                in_log: row.get(1)?,
                moved: row.get(2)?,
            })
        })
        .map_err(|error| Fault::from(error).at(path, "forcing the books to the disk"))
}

/// Makes every commit so far durable, without waiting for readers.
///
/// # Errors
/// The disk failed. It is then unknown what is durable, and a second call cannot find out.
pub(super) fn make_durable(connection: &Connection, path: &Path) -> Result<(), BooksError> {
    if checkpoint(connection, path)?.is_complete() {
        return Ok(());
    }
    // A long read, or a checkpoint of another program, keeps the rest of the log from being moved. Waiting for it has
    // no bound. A synced log is just as durable.
    sync_log(path)?;
    sync_directory(path)
}

/// Forces the write-ahead log to the disk.
fn sync_log(path: &Path) -> Result<(), BooksError> {
    let log = log_beside(path);
    File::open(&log)
        .and_then(|log| log.sync_data())
        .map_err(|source| BooksError::Io {
            path: log,
            doing: "syncing the write-ahead log",
            source,
        })
}
