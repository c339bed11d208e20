//! Errors of the commands for live banks.

use crate::input::InputError;
use bank_cluster::{ClusterError, ProgramsError};
use std::io;
use thiserror::Error;

/// Why a command for a live bank failed.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The input is malformed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The arguments are wrong, or do not match the existing bank.
    #[error("{0}")]
    Usage(String),
    /// The request cannot be carried out now.
    #[error("{0}")]
    Failed(String),
    /// A program to start is missing.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// A branch failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file or a stream reports an error.
    #[error("{what}: {source}")]
    Io {
        /// The file or stream.
        what: String,
        /// The error.
        #[source]
        source: io::Error,
    },
    /// A signal came before the bank was up. All processes were stopped.
    #[error("stopped by a signal before the bank was up; no process is left, and the next `up` goes on from there")]
    Interrupted {
        /// 128 plus the number of the signal.
        exit_code: u8,
    },
}

impl LiveError {
    /// Exit code: 2 if other arguments would help, 128 plus the number of the signal after a signal, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            LiveError::Interrupted { exit_code } => *exit_code,
            LiveError::Input(_) | LiveError::Usage(_) => 2,
            LiveError::Cluster(error) if error.is_usage() => 2,
            LiveError::Cluster(_) | LiveError::Programs(_) | LiveError::Failed(_) | LiveError::Io { .. } => 1,
        }
    }

    /// Adds the name of a file or stream to its error.
    pub(super) fn io(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |source| LiveError::Io {
            what: what.to_string(),
            source,
        }
    }
}
