//! Why a live bank does not do what it was asked to.

use crate::input::InputError;
use bank_cluster::{ClusterError, ProgramsError};
use std::io;
use thiserror::Error;

/// Why a live bank does not do what it was asked to.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The input will not do.
    #[error(transparent)]
    Input(#[from] InputError),
    /// What was asked makes no sense, or does not fit the bank that is there.
    #[error("{0}")]
    Usage(String),
    /// It cannot be done now.
    #[error("{0}")]
    Failed(String),
    /// A program is missing.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The branches do not do what they have to.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file or a stream cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A signal came before the bank was up; everything was stopped.
    #[error("stopped by a signal before the bank was up; no process is left, and the next `up` goes on from there")]
    Interrupted {
        /// 128 and the signal's number.
        exit_code: u8,
    },
}

impl LiveError {
    /// 2 where other arguments would help, 1 otherwise; 130 and the like after a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            LiveError::Interrupted { exit_code } => *exit_code,
            LiveError::Input(_) | LiveError::Usage(_) => 2,
            LiveError::Cluster(error) if error.is_usage() => 2,
            LiveError::Cluster(_) | LiveError::Programs(_) | LiveError::Failed(_) | LiveError::Io { .. } => 1,
        }
    }

    /// Names what cannot be used.
    pub(super) fn io(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |source| LiveError::Io {
            what: what.to_string(),
            source,
        }
    }
}
