//! A snapshot of the ledger database as a stream of bytes, read from one state while the writer continues.
//!
//! The pages come out of a read transaction, through SQLite's `sqlite_dbpage` table, without a temporary file. While
//! the transaction is open, SQLite's write-ahead log cannot start again at its beginning and grows with every commit.
//! The growth is bounded: a snapshot that is read too slowly ends with an error.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use bank_ledger::Ledger;
use rusqlite::Connection;

use super::applied_state::AppliedState;
use super::error::{BooksError, Fault};
use super::files::{directory_of, log_beside};
use super::schema;
use crate::disk;

const FLAGS: Option<&str> = option_env!("LIBSQLITE3_FLAGS");

// Without this build option every snapshot would fail, and only at the moment at which it is needed.
const _: () = assert!(
    matches!(FLAGS, Some(flags) if contains(flags.as_bytes(), b"SQLITE_ENABLE_DBPAGE_VTAB")),
    "build inside the repository, whose .cargo/config.toml sets LIBSQLITE3_FLAGS, or set it to \
     -DSQLITE_ENABLE_DBPAGE_VTAB"
);

/// The least growth of the write-ahead log that is allowed if the disk has room, in bytes. A busy bank writes this much
/// in some seconds.
pub(super) const LOG_GROWTH: u64 = 64 << 20;

/// The number of bytes that [`Pages::copy_into`] reads at once.
const COPY_BYTES: usize = 1 << 20;

/// The bytes of the file header with the write version and the read version. 1 stands for a rollback journal, 2 for a
/// write-ahead log (<https://sqlite.org/fileformat2.html>, section 1.3.3).
const FORMAT_VERSIONS: std::ops::Range<usize> = 18..20;
const ROLLBACK_JOURNAL: u8 = 1;

/// A snapshot of one state, read page by page. Its read transaction is open until the value is dropped.
#[derive(Debug)]
pub(crate) struct Pages {
    connection: Connection,
    path: PathBuf,
    applied_state: AppliedState,
    ledger: Ledger,
    page_bytes: u64,
    pages: u64,
    /// The number of pages that have been read.
    read: u64,
    /// The longest allowed length of the write-ahead log, in bytes.
    pub(super) log_bytes_max: u64,
}

impl Pages {
    /// Begins a snapshot on a connection of its own. A large snapshot takes long, and queries must not wait for it.
    pub(super) fn open(path: &Path) -> Result<Self, BooksError> {
        let beginning = |fault: Fault| fault.at(path, "beginning a copy of the books");
        let connection = schema::open_reader(path).map_err(beginning)?;
        let begun = || -> Result<_, Fault> {
            connection.execute_batch("BEGIN")?;
            let stored = schema::read_state(&connection)?;
            Ok((
                stored,
                schema::page_size(&connection)?,
                schema::page_count(&connection)?,
            ))
        };
        let (stored, page_bytes, pages) = begun().map_err(beginning)?;
        let (page_bytes, pages) = (page_bytes.unsigned_abs(), pages.unsigned_abs());
        let free = disk::free_bytes(directory_of(path)).map_err(|source| BooksError::Io {
            path: directory_of(path).to_owned(),
            doing: "asking how much room there is",
            source,
        })?;
        let growth = log_growth_max(page_bytes.saturating_mul(pages), free);
        Ok(Self {
            connection,
            path: path.to_owned(),
            applied_state: stored.applied_state,
            ledger: stored.ledger,
            page_bytes,
            pages,
            read: 0,
            log_bytes_max: log_bytes(path).saturating_add(growth),
        })
    }

    /// The applied state of the snapshot.
    pub(crate) fn applied_state(&self) -> &AppliedState {
        &self.applied_state
    }

    /// The length of the snapshot, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.page_bytes * self.pages
    }

    /// Reads the next whole pages, at most `bytes_max` bytes but at least one page. `None`: all pages have been read.
    ///
    /// # Errors
    /// The database cannot be read, or the write-ahead log has grown beyond its bound.
    pub(crate) fn next_chunk(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, BooksError> {
        if self.read == self.pages {
            return Ok(None);
        }
        let log = log_bytes(&self.path);
        if log > self.log_bytes_max {
            return Err(BooksError::CopyTooSlow {
                path: self.path.clone(),
                log,
            });
        }
        let pages = (bytes_max as u64 / self.page_bytes).clamp(1, self.pages - self.read);
        let first = self.read == 0;
        let mut chunk = self
            .read_pages(pages)
            .map_err(|fault| fault.at(&self.path, "copying the books"))?;
        if first && let Some(versions) = chunk.get_mut(FORMAT_VERSIONS) {
            // The pages include the content of the write-ahead log, so the snapshot needs no log beside it.
            versions.fill(ROLLBACK_JOURNAL);
        }
        Ok(Some(chunk))
    }

    fn read_pages(&mut self, count: u64) -> Result<Vec<u8>, Fault> {
        let mut chunk = Vec::with_capacity(usize::try_from(count * self.page_bytes).unwrap_or_default());
        let mut page = self
            .connection
            .prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
        for number in self.read + 1..=self.read + count {
            let before = chunk.len();
            page.query_row([i64::try_from(number).unwrap_or(i64::MAX)], |row| {
                chunk.extend_from_slice(row.get_ref(0)?.as_blob()?);
                Ok(())
            })?;
            if (chunk.len() - before) as u64 != self.page_bytes {
                return Err(Fault::Damaged(format!("page {number} is cut short")));
            }
        }
        self.read += count;
        Ok(chunk)
    }

    /// Writes all pages that have not been read into a new file, and syncs it.
    pub(super) fn copy_into(mut self, path: &Path) -> Result<(AppliedState, Ledger), BooksError> {
        let io_failed = |source| BooksError::Io {
            path: path.to_owned(),
            doing: "writing a copy of the books",
            source,
        };
        let mut file = File::create_new(path).map_err(io_failed)?;
        let mut copied = || {
            while let Some(chunk) = self.next_chunk(COPY_BYTES)? {
                file.write_all(&chunk).map_err(io_failed)?;
            }
            file.sync_all().map_err(io_failed)
        };
        copied().inspect_err(|_| {
            // The file is incomplete. An error of its removal would hide the first error.
            let _ = fs::remove_file(path);
        })?;
        Ok((self.applied_state, self.ledger))
    }
}

/// How much the write-ahead log may grow while a snapshot is read: the size of the snapshot, at least [`LOG_GROWTH`],
/// and never more than half of the room that is left for writes.
fn log_growth_max(books_bytes: u64, free_bytes: u64) -> u64 {
    let room = free_bytes.saturating_sub(disk::RESERVE_BYTES);
    books_bytes.max(LOG_GROWTH).min(room / 2)
}

/// The length of the write-ahead log, in bytes. It is read by name, because opening and closing the file would drop
/// SQLite's locks.
pub(super) fn log_bytes(path: &Path) -> u64 {
    // There is no log before the first commit.
    fs::metadata(log_beside(path)).map_or(0, |found| found.len())
}

const fn contains(text: &[u8], word: &[u8]) -> bool {
    let mut at = 0;
    while at + word.len() <= text.len() {
        let mut len = 0;
        while len < word.len() && text[at + len] == word[len] {
            len += 1;
        }
        if len == word.len() {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_log_grows_as_much_as_a_copy_would_take_and_never_fills_the_disk() {
        for (books, free, growth) in [
            (MIB, 1000 * MIB, 64 * MIB),
            (500 * MIB, 10_000 * MIB, 500 * MIB),
            (500 * MIB, 616 * MIB, 300 * MIB),
            (35 * MIB, 20 * MIB, 2 * MIB),
            (35 * MIB, 16 * MIB, 0),
            (35 * MIB, 0, 0),
            (u64::MAX, u64::MAX, (u64::MAX - 16 * MIB) / 2),
        ] {
            assert_eq!(log_growth_max(books, free), growth, "{books} {free}");
        }
    }

    #[test]
    fn contains_finds_a_word_anywhere() {
        for (text, found) in [("-DWORD", true), ("WORD -DX", true), ("-DWOR", false), ("", false)] {
            assert_eq!(contains(text.as_bytes(), b"WORD"), found, "{text}");
        }
    }
}
