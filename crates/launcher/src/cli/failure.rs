//! The failure of a command: an exit code and a line on stderr.

use crate::exit::Exit;
use crate::live::LiveError;

/// The end of a command that failed before it had a result.
pub(super) struct Failure {
    /// How the command ended.
    pub(super) exit: Exit,
    /// One line for stderr.
    pub(super) message: String,
}

impl Failure {
    /// A failure because of wrong input or usage.
    pub(super) fn usage(error: impl ToString) -> Self {
        Failure {
            exit: Exit::Usage,
            message: error.to_string(),
        }
    }

    /// A failure of a command that judges nothing, which other arguments would not avoid.
    pub(super) fn failed(error: impl ToString) -> Self {
        Failure {
            exit: Exit::Failed,
            message: error.to_string(),
        }
    }

    /// A failure of a run after it was started.
    pub(super) fn not_finished(error: impl ToString) -> Self {
        Failure {
            exit: Exit::NotFinished,
            message: error.to_string(),
        }
    }

    /// The message for stderr.
    pub(super) fn text(&self) -> String {
        match self.exit {
            Exit::NotFinished => format!("launcher: not finished: {}\n", self.message),
            _ => format!("launcher: {}\n", self.message),
        }
    }
}

impl From<LiveError> for Failure {
    fn from(error: LiveError) -> Self {
        Failure {
            exit: Exit::of(error.exit_code()),
            message: error.to_string(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure {
            exit: Exit::NotFinished,
            message: format!("stdout: {error}"),
        }
    }
}
