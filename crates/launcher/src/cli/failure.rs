//! The failure of a command: an exit code and a line on stderr.

/// The end of a command that failed before it had a result.
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit_code: u8,
    /// One line for stderr.
    pub(super) message: String,
}

impl Failure {
    /// A failure because of wrong input or usage.
    pub(super) fn usage(error: impl ToString) -> Self {
        Failure {
            exit_code: 2,
            message: error.to_string(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure {
            exit_code: 1,
            message: format!("stdout: {error}"),
        }
    }
}
