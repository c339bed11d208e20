//! What of the books is on disk for good.
//!
//! A commit leaves its pages in the write-ahead log, in the system's memory: it survives the process, not the power.
//! A checkpoint syncs that log, moves it into the file, and syncs the file.
//! It runs on the writer's connection: beside it, on another, commits waited for the disk no less.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::{BooksError, Fault};
use super::schema;

/// Makes everything that was committed so far durable, without waiting for any reader.
pub(super) fn make_durable(connection: &Connection, path: &Path) -> Result<(), BooksError> {
    let (busy, in_log, moved): (i64, i64, i64) = connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .map_err(|error| Fault::from(error).at(path, "making the books durable"))?;
    if busy == 0 && in_log >= 0 && in_log == moved {
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

/// The path of SQLite's write-ahead log.
pub(super) fn log_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
