//! Why a demonstration cannot be shown.

use crate::run::folder::RunFolderError;
use bank_cluster::{ClusterError, ProgramsError};
use std::io;
use thiserror::Error;

/// Why nothing was shown.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A program is missing.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The branches do not do what they have to.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// What is recorded cannot be kept.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// Nothing can be printed, say.
    #[error("{what}: {source}")]
    Io {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A signal came; everything was stopped.
    #[error("stopped by a signal; no process is left")]
    Interrupted {
        /// 128 and the signal's number.
        exit_code: u8,
    },
}

impl DemoError {
    /// 2 where other arguments would help, 1 otherwise; 130 and the like after a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            DemoError::Interrupted { exit_code } => *exit_code,
            DemoError::Folder(_) => 2,
            DemoError::Programs(_) | DemoError::Cluster(_) | DemoError::Io { .. } => 1,
        }
    }
}
