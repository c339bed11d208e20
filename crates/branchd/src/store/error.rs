//! Errors of the store. Each message says what happened, to which file, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use bank_ledger::{AccountName, Position};
use rusqlite::ErrorCode;

/// Why a ledger database could not be opened, written, read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The disk is full.
    #[error(
        "{path}: the disk is full ({doing}); nothing was written. Make room on its file system and start the branch \
         again",
        path = path.display()
    )]
    Full {
        /// The database file.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The content of the file is inconsistent.
    #[error(
        "{path}: the books are damaged ({doing}): {what}. Do not trust this copy: move the branch's data directory \
         aside, start the branch on an empty one, and let it join again with `branchd join`",
        path = path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// The inconsistency.
        what: String,
    },
    /// The file belongs to another bank.
    #[error(
        "{path}: these are the books of bank {theirs}, and this branch belongs to bank {ours}. Give each bank its own \
         data directory",
        path = path.display()
    )]
    OtherBank {
        /// The database file.
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
        /// The database file.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format that this program knows.
        known: i64,
    },
    /// The file is no ledger database.
    #[error("{path}: this is no books file: {what}. Check the path", path = path.display())]
    NotBooks {
        /// The database file.
        path: PathBuf,
        /// Why the file is no ledger database.
        what: String,
    },
    /// A statement was requested from an entry that the account does not have.
    #[error("account {account} has no entry at position {position}: begin a statement without a position")]
    NoSuchEntry {
        /// The account of the statement.
        account: AccountName,
        /// The requested position.
        position: Position,
    },
    /// A snapshot was read so slowly that the write-ahead log grew beyond its bound.
    #[error(
        "{path}: a copy of the books is given up: its write-ahead log has grown to {log} bytes meanwhile. The copy \
         is read too slowly for what is written; it is begun again",
        path = path.display()
    )]
    CopyTooSlow {
        /// The database file.
        path: PathBuf,
        /// The length of the log, in bytes.
        log: u64,
    },
    /// An operation of the operating system failed.
    #[error(
        "{path}: {doing} failed: {source}. Check that the disk is sound, and that the file can be read and written",
        path = path.display()
    )]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
    /// A read, write or sync of the disk failed. A failed sync must not be repeated, because the next one may report
    /// success although the bytes are lost. So nothing is written after it.
    #[error(
        "{path} or its write-ahead log {path}-wal: the disk failed ({doing}: {source}, code {code}). Nothing was \
         written after that. Check the disk, then start the branch again on the same directory",
        path = path.display()
    )]
    Disk {
        /// The database file. SQLite does not say whether this file or the write-ahead log failed.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// SQLite's extended error code. 1034 is a failed sync.
        code: i32,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// A decision was begun without a row that it needs. That is a fault of this program.
    #[error(
        "{path}: {key} was not read before the decision that needs it. Nothing was decided. Start the branch again, and \
         report this",
        path = path.display()
    )]
    NotFetched {
        /// The database file.
        path: PathBuf,
        /// The account or request.
        key: String,
    },
    /// The disk failed earlier in this process, and nothing is written since. The text is the first error.
    #[error("{0}")]
    Stopped(String),
    /// SQLite failed for another reason.
    #[error(
        "{path}: {doing} failed: {source}. Check that the disk is sound, that the file and its directory can be read \
         and written, and that no other program holds it",
        path = path.display()
    )]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
}

impl BooksError {
    /// Whether nothing may be written after this error. That is so after an error of the disk and when the disk is
    /// full.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::Io { .. } | Self::Disk { .. } | Self::Stopped(_)
        )
    }
}

/// An error of an inner function, which does not know the name of the file.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Damaged(String),
    NoSuchEntry {
        account: AccountName,
        position: Position,
    },
    /// A decision needs a row that is not in memory and was not fetched. This is a fault of this program.
    NotFetched(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// Adds the name of the file and the operation.
    pub(super) fn at(self, path: &Path, doing: &'static str) -> BooksError {
        let path = path.to_owned();
        let source = match self {
            Self::Sqlite(source) => source,
            Self::Damaged(what) => return BooksError::Damaged { path, doing, what },
            Self::NotFetched(key) => return BooksError::NotFetched { path, key },
            Self::NoSuchEntry { account, position } => return BooksError::NoSuchEntry { account, position },
        };
        match &source {
            // A column has another type than the layout says. STRICT tables exclude that in an undamaged file.
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
                // A violated constraint is damage as well: the ledger checks before it writes.
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

/// The row before an account says that it comes next, and it is not there.
pub(super) fn missing_account(name: &str) -> Fault {
    Fault::Damaged(format!(
        "table accounts, row {name}: it is not there, and the row before it says that it is next"
    ))
}
