//! Errors of a benchmark.

use crate::exit::Exit;
use crate::run::open_files::OpenFilesError;
use bank_client::{BankFileError, OperatorError, ReadError, WriteError};
use bank_cluster::{ClusterError, ProgramsError};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a benchmark has no result.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The limit on open files is too low for this number of clients.
    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),
    /// The bank file is wrong.
    #[error(transparent)]
    BankFile(#[from] BankFileError),
    /// The programs of the branches are missing.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The directory for the branches cannot be used.
    #[error("cannot make a directory for the branches in {}: {source}; name another one with --data", dir.display())]
    Data {
        /// The directory that was to have it.
        dir: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// A branch failed, or the bank could not be founded.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The accounts were not opened.
    #[error("the accounts were not prepared: {0}")]
    Accounts(#[source] WriteError),
    /// The bank decided against an account.
    #[error("the accounts were not prepared: {0}")]
    AccountRefused(String),
    /// A client has no connection.
    #[error("a client has no connection: {0}")]
    Connect(String),
    /// A thread cannot be started.
    #[error("cannot start a thread for the clients: {0}")]
    Thread(#[source] io::Error),
    /// A branch does not say how it is.
    #[error("a branch does not tell its status: {0}")]
    Status(#[from] OperatorError),
    /// The books could not be read.
    #[error("the books were not checked: {0}")]
    BooksUnread(#[source] ReadError),
    /// The branches do not come to one position.
    #[error("the books were not checked: after {0}, the branches are at different positions")]
    BooksMoving(String),
    /// The books are wrong.
    #[error("the books are WRONG: {0}")]
    BooksWrong(String),
    /// A file is no result, or two results are of different settings.
    #[error("{0}")]
    NotCompared(String),
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] io::Error),
    /// A signal ended the benchmark before there was anything to print.
    #[error("stopped by a signal before the first operation that counts; no process is left")]
    Interrupted(u8),
}

impl BenchError {
    /// How a command ends because of this error.
    pub fn exit(&self) -> Exit {
        match self {
            BenchError::Interrupted(code) => Exit::Signal(*code),
            BenchError::BooksWrong(_) => Exit::Failed,
            BenchError::Cluster(error) if error.is_usage() => Exit::Usage,
            BenchError::OpenFiles(_)
            | BenchError::BankFile(_)
            | BenchError::Data { .. }
            | BenchError::NotCompared(_) => Exit::Usage,
            _ => Exit::NotFinished,
        }
    }
}
