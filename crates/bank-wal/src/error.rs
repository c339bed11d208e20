//! Why a journal could not be opened, and how its failures are told afterwards.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why [`Wal::open`](crate::Wal::open) refused. Each message says what happened, to what, and what to do.
///
/// Nothing has been changed in the directory when one of these is returned, except that a lock file may have
/// appeared, and for [`OpenError::Io`], which can come at any moment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The options make no sense together.
    #[error("journal options: {0}")]
    Options(String),

    /// Another open journal, in this process or another one, holds the directory.
    #[error("the journal in {} is in use by {}; stop it first, or choose another directory", dir.display(), holder(*pid))]
    Locked {
        /// The journal's directory.
        dir: PathBuf,
        /// The process that holds it, as far as it could be read from the lock file.
        pid: Option<u32>,
    },

    /// There is no journal here, and the options say that there must be one.
    #[error(
        "there is no journal in {}, though there was one: look for the files, or move the directory aside and let the \
         branch rejoin with a new replica id",
        dir.display()
    )]
    Absent {
        /// The journal's directory.
        dir: PathBuf,
    },

    /// The files belong to another bank or replica.
    #[error("{} belongs to the owner {}, not to {}: check the data directory", path.display(), hex(found), hex(expected))]
    OtherOwner {
        /// The file that says so.
        path: PathBuf,
        /// The stamp in the file.
        found: [u8; 16],
        /// The stamp that the caller gave.
        expected: [u8; 16],
    },

    /// The files have another format version.
    #[error("{} has the journal format {found}, this program reads {supported}: use the program that wrote it", path.display())]
    OtherFormat {
        /// The file that says so.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The version that this program reads and writes.
        supported: u32,
    },

    /// A file of the journal is missing.
    #[error(
        "{} is missing ({what}): acknowledged records may be lost; put the file back, or move the directory aside and \
         let the branch rejoin with a new replica id",
        path.display()
    )]
    Missing {
        /// The missing file.
        path: PathBuf,
        /// How it is known that there was one.
        what: String,
    },

    /// Bytes that were on disk once are no longer what they were.
    #[error(
        "{} is damaged at byte {offset}: {what}; move the directory aside and let the branch rejoin with a new replica id",
        path.display()
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// The first byte of the damaged part.
        offset: u64,
        /// What is wrong there.
        what: String,
    },

    /// The directory was copied from somewhere, so newer records may exist, or may have existed, elsewhere.
    #[error(
        "the journal in {} is a copy of another one, perhaps an old one: a replica that forgets what it acknowledged harms \
         the bank; move it aside and let the branch rejoin with a new replica id, or, if the original was stopped \
         cleanly and never ran again, accept the copy explicitly",
        dir.display()
    )]
    Copied {
        /// The journal's directory.
        dir: PathBuf,
    },

    /// The operating system refused something.
    #[error("{} of {} failed: {source}", what, path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
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

/// The error that stopped an open journal; every later answer repeats it, so it can be cloned.
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

/// Adds to an I/O error what was tried and where; the kind stays.
pub(crate) fn explain(error: &io::Error, what: impl fmt::Display, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what} of {} failed: {error}", path.display()))
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn hex(stamp: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*stamp))
}
