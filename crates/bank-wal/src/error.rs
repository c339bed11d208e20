//! Errors of a log: why it cannot be opened, and the failure that stopped an open log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why [`Wal::open`](crate::Wal::open) refused. Each message says what happened, to what, and what to do.
///
/// The directory is unchanged, except for a new lock file. Only [`OpenError::Io`] can occur after changes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// An option has an invalid value.
    #[error("journal options: {0}")]
    Options(String),

    /// The directory is locked by another open log, in this process or in another one.
    #[error(
        "the journal in {} is in use by {}; stop it first, or choose another directory",
        dir.display(), holder(*pid)
    )]
    Locked {
        /// The log's directory.
        dir: PathBuf,
        /// The process in the lock file, if it can be read.
        pid: Option<u32>,
    },

    /// The directory has no log, and [`Options::must_exist`](crate::Options::must_exist) is set.
    #[error(
        "there is no journal in {}, though there was one: look for the files, or move the directory aside and let the \
         branch rejoin with a new replica id",
        dir.display()
    )]
    Absent {
        /// The log's directory.
        dir: PathBuf,
    },

    /// The files have another owner's stamp.
    #[error(
        "{} belongs to the owner {}, not to {}: check the data directory",
        path.display(), hex(found), hex(expected)
    )]
    OtherOwner {
        /// The file with the other stamp.
        path: PathBuf,
        /// The stamp in the file.
        found: [u8; 16],
        /// The stamp that the caller has given.
        expected: [u8; 16],
    },

    /// The files have another format version.
    #[error(
        "{} has the journal format {found}, this program reads {supported}: use the program that wrote it",
        path.display()
    )]
    OtherFormat {
        /// The file with the other version.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The version that this program reads and writes.
        supported: u32,
    },

    /// A file of the log is missing.
    #[error(
        "{} is missing ({what}): acknowledged records may be lost; put the file back, or move the directory aside and \
         let the branch rejoin with a new replica id",
        path.display()
    )]
    Missing {
        /// The missing file.
        path: PathBuf,
        /// Why the file must exist.
        what: String,
    },

    /// Bytes that were synced have changed.
    #[error(
        "{} is damaged at byte {offset}: {what}; move the directory aside and let the branch rejoin with a new \
         replica id",
        path.display()
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// The first byte of the damaged part.
        offset: u64,
        /// The damage.
        what: String,
    },

    /// The directory is a copy, so newer records may exist elsewhere.
    #[error(
        "the journal in {} is a copy of another one, perhaps an old one: a replica that forgets what it acknowledged \
         harms the bank; move it aside and let the branch rejoin with a new replica id, or, if the original was \
         stopped cleanly and never ran again, accept the copy explicitly",
        dir.display()
    )]
    Copied {
        /// The log's directory.
        dir: PathBuf,
    },

    /// An operation of the operating system failed.
    #[error("{} of {} failed: {source}", what, path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        move |source| OpenError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, what: impl fmt::Display) -> OpenError {
        OpenError::Damaged {
            path: path.to_owned(),
            offset,
            what: what.to_string(),
        }
    }

    pub(crate) fn missing(path: &Path, what: impl fmt::Display) -> OpenError {
        OpenError::Missing {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}

/// The error that stopped an open log. Every later answer repeats it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: io::ErrorKind,
    message: Arc<str>,
}

impl Failure {
    pub(crate) fn new(error: &io::Error) -> Failure {
        Failure {
            kind: error.kind(),
            message: format!("the journal has stopped: {error}").into(),
        }
    }

    pub(crate) fn closed() -> Failure {
        Failure {
            kind: io::ErrorKind::BrokenPipe,
            message: "the journal is closed".into(),
        }
    }

    pub(crate) fn message(&self) -> String {
        self.message.to_string()
    }

    pub(crate) fn to_io(&self) -> io::Error {
        io::Error::new(self.kind, self.message.to_string())
    }
}

/// Adds the operation and the path to an I/O error. The kind stays the same.
pub(crate) fn explain(error: &io::Error, what: impl fmt::Display, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what} of {} failed: {error}", path.display()))
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn hex(stamp: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*stamp))
}
