//! Errors of `launcher demo`.

use crate::exit::Exit;
use crate::input::InputError;
use crate::run::execution::RunError;
use crate::run::folder::RunFolderError;
use crate::run::state::State;
use bank_cluster::ProgramsError;
use std::io;
use thiserror::Error;

/// Why a lesson was not played to its end.
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
    /// A folder cannot be made or written.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// An operation of the operating system failed, for example printing.
    #[error("{what}: {source}")]
    Io {
        /// The object of the operation.
        what: &'static str,
        /// Reason.
        #[source]
        source: io::Error,
    },
    /// A signal ended the run. All processes were stopped.
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
    /// The state of a demonstration that ended with this error.
    pub(super) fn state(&self) -> State {
        match self {
            DemoError::Interrupted { .. } => State::Interrupted,
            _ => State::NotFinished,
        }
    }

    /// How the command ends because of this error. It is wrong usage if other arguments would help.
    pub fn exit(&self) -> Exit {
        match self {
            DemoError::Interrupted { exit_code } => Exit::Signal(*exit_code),
            DemoError::Folder(_) => Exit::Usage,
            DemoError::Run(error) => error.exit(),
            DemoError::Programs(_) | DemoError::Input(_) | DemoError::Io { .. } => Exit::NotFinished,
        }
    }
}
