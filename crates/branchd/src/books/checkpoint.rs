//! What of the books is on disk for good.
//!
//! A commit leaves its pages in the write-ahead log, in the system's memory: it survives the process, not the power.
//! A checkpoint syncs that log, moves it into the file, and syncs the file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::error::{BooksError, Fault};
use super::reader::Shared;
use super::schema;

/// Makes the books durable from a thread of its own, so that the writer need not wait for the disk.
#[derive(Debug)]
pub struct Checkpointer {
    connection: Connection,
    shared: Arc<Shared>,
}

impl Checkpointer {
    pub(super) fn open(shared: Arc<Shared>) -> Result<Self, BooksError> {
        let connection =
            schema::open_checkpointer(&shared.path).map_err(|fault| fault.at(&shared.path, "opening the books"))?;
        Ok(Self { connection, shared })
    }

    /// Makes everything that was applied when it is called survive a power cut, and perhaps more. Returns the
    /// `applied` that is durable now; the newest one may be later.
    ///
    /// # Errors
    /// Where the disk fails: it is then not known what is durable, and asking again cannot tell. End the process.
    pub fn checkpoint(&mut self) -> Result<Option<Vec<u8>>, BooksError> {
        // Read first: whatever is committed after this may or may not be in the checkpoint.
        let applied = self
            .connection
            .prepare_cached("SELECT applied FROM state")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)).optional())
            .map_err(|error| Fault::from(error).at(&self.shared.path, "reading what was applied"))?;
        make_durable(&self.connection, &self.shared.path)?;
        Ok(applied.flatten())
    }
}

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
fn log_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
