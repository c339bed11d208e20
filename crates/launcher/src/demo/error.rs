//! Why a demonstration cannot be shown.

use crate::input::InputError;
use crate::run::execution::RunError;
use crate::run::folder::RunFolderError;
use bank_cluster::ProgramsError;
use std::io;
use thiserror::Error;

/// Why nothing was shown.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A program is missing.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The lesson's input is wrong.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A run did not come to its end.
    #[error(transparent)]
    Run(RunError),
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

impl From<RunError> for DemoError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Interrupted { exit_code, .. } => DemoError::Interrupted { exit_code },
            error => DemoError::Run(error),
        }
    }
}

impl DemoError {
    /// 2 where other arguments would help, 1 otherwise; 130 and the like after a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            DemoError::Interrupted { exit_code } => *exit_code,
            DemoError::Folder(_) => 2,
            DemoError::Run(error) => error.exit_code(),
            DemoError::Programs(_) | DemoError::Input(_) | DemoError::Io { .. } => 1,
        }
    }
}
