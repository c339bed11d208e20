//! What can go wrong with a books file, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use bank_ledger::{AccountName, Position};
use rusqlite::ErrorCode;

/// Why the books could not be opened, written, read or replaced. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// There is no room left.
    #[error(
        "{path}: the disk is full ({doing}); nothing was written. Make room on its file system and start the branch again",
        path = path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file contradicts itself.
    #[error(
        "{path}: the books are damaged ({doing}): {what}. Do not trust this copy: put the branch's data directory \
         aside and let the branch join again with an empty one",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The file belongs to another bank.
    #[error(
        "{path}: these are the books of bank {theirs}, and this branch belongs to bank {ours}. Give each bank its own \
         data directory",
        path = path.display()
    )]
    OtherBank {
        /// The file.
        path: PathBuf,
        /// The bank in the file, in hexadecimal.
        theirs: String,
        /// The bank that was expected, in hexadecimal.
        ours: String,
    },
    /// The file was written by another version of this program.
    #[error(
        "{path}: the books have format {found}, and this program knows format {known}. Use the version of the program \
         that wrote them",
        path = path.display()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format that is known here.
        known: i64,
    },
    /// The file is something else.
    #[error("{path}: this is no books file: {what}. Check the path", path = path.display())]
    NotBooks {
        /// The file.
        path: PathBuf,
        /// What it is, or lacks.
        what: String,
    },
    /// A statement was asked for from an entry that its account does not have.
    #[error("account {account} has no entry at position {position}: begin a statement without a position")]
    NoSuchEntry {
        /// The account.
        account: AccountName,
        /// The position.
        position: Position,
    },
    /// Writing went on for so long that a copy of one state holds up too much of the write-ahead log.
    #[error(
        "{path}: a copy of the books is given up: its write-ahead log has grown to {log} bytes meanwhile. The copy is read \
         too slowly for what is written; it is begun again",
        path = path.display()
    )]
    CopyTooSlow {
        /// The books.
        path: PathBuf,
        /// How long the log is, in bytes.
        log: u64,
    },
    /// The operating system refused.
    #[error("{path}: {doing} failed: {source}. Check that the disk is sound, and that the file can be read and written", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A read, write or sync of the disk failed. A failed sync cannot be repeated, since the next may be said to have
    /// worked though the bytes are lost: nothing is written after one.
    #[error(
        "{path} or its write-ahead log {path}-wal: the disk failed ({doing}: {source}, code {code}). Nothing was \
         written after that. Check the disk, then start the branch again on the same directory",
        path = path.display()
    )]
    Disk {
        /// The books' file; SQLite does not say which of the two failed.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's extended code: 1034 is a failed sync.
        code: i32,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The disk failed earlier in this process, and the books take nothing since.
    #[error("{0}")]
    Stopped(String),
    /// SQLite failed otherwise.
    #[error(
        "{path}: {doing} failed: {source}. Check that the disk is sound, that the file and its directory can be read \
         and written, and that no other program holds it",
        path = path.display()
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl BooksError {
    /// The disk failed or is full: what is on it is no longer known, and the books take nothing after this.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::Io { .. } | Self::Disk { .. } | Self::Stopped(_)
        )
    }
}

/// What goes wrong below, where the file's name is not known.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Damaged(String),
    NoSuchEntry { account: AccountName, position: Position },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// The fault with the file's name, and what was being done to it.
    pub(super) fn at(self, path: &Path, doing: &'static str) -> BooksError {
        let path = path.to_owned();
        let source = match self {
            Self::Sqlite(source) => source,
            Self::Damaged(what) => return BooksError::Damaged { path, doing, what },
            Self::NoSuchEntry { account, position } => return BooksError::NoSuchEntry { account, position },
        };
        match &source {
            // A column that is not what the layout says: STRICT tables rule it out in a sound file.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => BooksError::Damaged {
                path,
                doing,
                what: source.to_string(),
            },
            _ => match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => BooksError::Full { path, doing, source },
                // A broken constraint too: the ledger asks before it writes, so a sound file breaks none.
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
                    BooksError::Damaged {
                        path,
                        doing,
                        what: source.to_string(),
                    }
                }
                Some(ErrorCode::SystemIoFailure) => BooksError::Disk {
                    path,
                    doing,
                    code: source.sqlite_error().map_or(0, |error| error.extended_code),
                    source,
                },
                _ => BooksError::Sqlite { path, doing, source },
            },
        }
    }
}
