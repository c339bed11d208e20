//! A live bank: `launcher up` starts one, or finds it again, and stays; from another shell its branches are looked at,
//! killed, paused, cut off and healed, and it is stopped.
//!
//! In reading order: `args` (what was typed, checked), `home` (the bank's directory, and what is in it), `start` (what
//! of both comes up), `up` (from nothing running to everything stopped again), `welcome`, `supervisor` (what goes on in between), `order` and `control` (what other shells
//! ask, and the wire that it goes over), `status` (how the bank is), `table` and `words` (how that is said), `screen` (the
//! terminal).

mod args;
mod control;
mod home;
mod order;
mod screen;
mod start;
mod status;
mod supervisor;
mod table;
mod up;
mod welcome;
mod words;

pub use args::LiveCommand;

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

    fn io(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |source| LiveError::Io {
            what: what.to_string(),
            source,
        }
    }
}

/// Does what was asked; the exit code.
///
/// # Errors
/// It was not done.
pub async fn execute(command: LiveCommand) -> Result<u8, LiveError> {
    match command {
        LiveCommand::Up(args) => up::up(args.plan()?).await,
        LiveCommand::Ask(command) => order::execute(command).await,
    }
}
