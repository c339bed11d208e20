//! Checkpoints: the only place that moves the write-ahead log into the books' file and forces both to the disk.
//!
//! A commit leaves its pages in the write-ahead log, in the system's memory: it survives the process, not the power.
//! A checkpoint syncs that log, moves it into the file, and syncs the file.
//! SQLite's own checkpoints, after a commit and at the last close, drop their errors, so every connection has them off.
//! A failed sync cannot be repeated: the system may report the next one as done though the bytes are lost. The caller
//! takes every error from here as the end of the process.
//! A checkpoint runs on the writer's connection: beside it, on another, commits waited for the disk no less.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::error::{BooksError, Fault};
use super::schema;
use crate::disk;

/// How long the write-ahead log grows before a commit moves it into the file, in pages of 4 KiB: 16 MiB. That commit
/// waits for the disk (20 to 60 ms were seen), so it must be rare; and all of it is read again at a start after a
/// crash, so it must be short.
const WAL_PAGES: i64 = 4096;

/// How much further the log grows before the next try, in pages of 4 KiB, where a long read kept a checkpoint from moving
/// all of it.
const WAL_PAGES_MORE: i64 = 1024;

/// How long the log grows where the disk is nearly full, in pages of 4 KiB: 1 MiB.
const WAL_PAGES_SHORT_OF_ROOM: i64 = 256;

/// The length of the write-ahead log, as the commits of one connection see it.
#[derive(Debug)]
pub(super) struct Growth {
    /// In pages, at the newest commit.
    pages: Arc<AtomicI64>,
    /// The length at which the next checkpoint is due.
    due: i64,
}

impl Growth {
    /// Follows the commits of the connection that writes.
    pub(super) fn follow(connection: &mut Connection) -> Result<Self, Fault> {
        let pages = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(pages.into(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, due: WAL_PAGES })
    }

    /// Moves the log into the file if it has grown past its bound. The caller has just committed.
    ///
    /// # Errors
    /// See [`make_durable`].
    pub(super) fn checkpoint_if_due(&mut self, connection: &Connection, path: &Path) -> Result<(), BooksError> {
        let pages = self.pages.load(Ordering::Relaxed);
        let bound = bound(path);
        if pages < bound {
            // The log has begun anew.
            self.due = bound;
        }
        // With little room left the log is used again from its start as soon as it has some length, rather than grown.
        let short_of_room = pages >= WAL_PAGES_SHORT_OF_ROOM && disk::is_below(path, disk::RESERVE_BYTES);
        if pages < self.due && !short_of_room {
            return Ok(());
        }
        let moved = checkpoint(connection, path)?;
        self.due = if moved.whole() { bound } else { pages + WAL_PAGES_MORE };
        Ok(())
    }
}

/// How long the log may grow, in pages.
fn bound(_path: &Path) -> i64 {
    #[cfg(feature = "planted-bugs")]
    if super::failing_disk::wants_a_small_log(_path) {
        return 16;
    }
    WAL_PAGES
}

/// What a checkpoint did.
struct Moved {
    busy: bool,
    in_log: i64,
    moved: i64,
}

impl Moved {
    /// All of the log is in the file.
    fn whole(&self) -> bool {
        !self.busy && self.in_log >= 0 && self.in_log == self.moved
    }
}

fn checkpoint(connection: &Connection, path: &Path) -> Result<Moved, BooksError> {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
            Ok(Moved {
                busy: row.get::<_, i64>(0)? != 0,
                in_log: row.get(1)?,
                moved: row.get(2)?,
            })
        })
        .map_err(|error| Fault::from(error).at(path, "forcing the books to the disk"))
}

/// Makes everything that was committed so far durable, without waiting for any reader.
///
/// # Errors
/// The disk failed. What is durable is not known then, and asking again cannot tell.
pub(super) fn make_durable(connection: &Connection, path: &Path) -> Result<(), BooksError> {
    if checkpoint(connection, path)?.whole() {
        return Ok(());
    }
    // Someone's long read keeps the rest of the log from being moved into the file, or someone else is moving it, and
    // waiting for either could take for ever. The log is as good a place, once it is on disk.
    let log = log_beside(path);
    File::open(&log)
        .and_then(|log| log.sync_data())
        .map_err(|source| BooksError::Io {
            path: log,
            doing: "syncing the write-ahead log",
            source,
        })?;
    schema::sync_directory(path)
}

/// Turns SQLite's own checkpoint at the close of the last connection off or on. On is right only where nothing is left
/// to be moved: SQLite then just removes the log.
pub(super) fn set_checkpoint_on_close(connection: &Connection, on: bool) -> Result<(), Fault> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on)?;
    Ok(())
}

/// The path of SQLite's write-ahead log.
pub(super) fn log_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
