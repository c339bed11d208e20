//! A whole copy of the books as a stream of bytes, read from one state while writing goes on.
//!
//! Nothing is written: the pages come out of a read transaction, by SQLite's `sqlite_dbpage` table. As long as it is
//! open, the write-ahead log cannot begin again from its start, and grows with every commit. So that growth is bounded,
//! and a copy that is taken too slowly ends with an error.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use bank_ledger::Ledger;
use rusqlite::Connection;

use super::checkpoint::log_beside;
use super::error::{BooksError, Fault};
use super::schema;
use super::writer::AppliedState;
use crate::disk;

const FLAGS: Option<&str> = option_env!("LIBSQLITE3_FLAGS");

// Without it every copy would fail, and only when one is needed.
const _: () = assert!(
    matches!(FLAGS, Some(flags) if contains(flags.as_bytes(), b"SQLITE_ENABLE_DBPAGE_VTAB")),
    "build inside the repository, whose .cargo/config.toml sets LIBSQLITE3_FLAGS, or set it to -DSQLITE_ENABLE_DBPAGE_VTAB"
);

/// How much the write-ahead log may grow meanwhile, in bytes, where the books are smaller and the disk has room: some
/// seconds of a busy bank.
const LOG_GROWTH: u64 = 64 << 20;

/// How many bytes [`Pages::copy_into`] takes at once.
const COPY_BYTES: usize = 1 << 20;

/// Where a file's header says which journal it needs, one byte each for writers and readers: 1 is none beside it, 2 a
/// write-ahead log (<https://sqlite.org/fileformat2.html>, 1.3.3).
const JOURNAL_VERSIONS: std::ops::Range<usize> = 18..20;
const NO_LOG_BESIDE: u8 = 1;

/// The books at one state, page after page. The state is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Pages {
    connection: Connection,
    path: PathBuf,
    applied_state: AppliedState,
    ledger: Ledger,
    page_bytes: u64,
    pages: u64,
    /// How many of them have been read.
    read: u64,
    /// The write-ahead log may not grow beyond this, in bytes.
    pub(super) log_bytes_max: u64,
}

impl Pages {
    /// By a connection of its own: a copy of large books takes long, and queries must not wait for it.
    pub(super) fn open(path: &Path) -> Result<Self, BooksError> {
        let beginning = |fault: Fault| fault.at(path, "beginning a copy of the books");
        let connection = schema::open_reader(path).map_err(beginning)?;
        let begun = || -> Result<_, Fault> {
            connection.execute_batch("BEGIN")?;
            let (_, stored) = schema::read_state(&connection)?;
            Ok((
                stored,
                schema::page_size(&connection)?,
                schema::page_count(&connection)?,
            ))
        };
        let (stored, page_bytes, pages) = begun().map_err(beginning)?;
        let (page_bytes, pages) = (page_bytes.unsigned_abs(), pages.unsigned_abs());
        let free = disk::free_bytes(directory(path)).map_err(|source| BooksError::Io {
            path: directory(path).to_owned(),
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

    /// What the caller had stored at this state.
    pub(crate) fn applied_state(&self) -> &AppliedState {
        &self.applied_state
    }

    /// How many bytes there are in all.
    pub(crate) fn length(&self) -> u64 {
        self.page_bytes * self.pages
    }

    /// The next bytes, at least a page and otherwise at most so many; `None`: that was all.
    ///
    /// # Errors
    /// The books cannot be read, or the write-ahead log has grown too far meanwhile.
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
        if first && let Some(versions) = chunk.get_mut(JOURNAL_VERSIONS) {
            // What is open in a write-ahead log is in these pages already, so the copy needs none beside it.
            versions.fill(NO_LOG_BESIDE);
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

    /// Writes all that has not been read yet into a new file, and syncs it.
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
            // What is left is half a copy, and the first error is the one to tell.
            let _ = fs::remove_file(path);
        })?;
        Ok((self.applied_state, self.ledger))
    }
}

/// How much the write-ahead log may grow while a copy is read: as much as a copy would take up on the disk, or a little
/// where the books are small, but never more than half of the room that writes may take.
fn log_growth_max(books_bytes: u64, free_bytes: u64) -> u64 {
    let room = free_bytes.saturating_sub(disk::RESERVE_BYTES);
    books_bytes.max(LOG_GROWTH).min(room / 2)
}

/// How long the write-ahead log is, in bytes. Asked by name: to open the file and close it again would drop SQLite's
/// locks.
fn log_bytes(path: &Path) -> u64 {
    // Before the first commit there is none.
    fs::metadata(log_beside(path)).map_or(0, |found| found.len())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
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
    fn a_word_is_found_wherever_it_stands() {
        for (text, found) in [("-DWORD", true), ("WORD -DX", true), ("-DWOR", false), ("", false)] {
            assert_eq!(contains(text.as_bytes(), b"WORD"), found, "{text}");
        }
    }
}
