//! Why a verb failed: an exit code, and a line for stderr.

/// The exit code of a verb that failed.
pub(super) const FAILED: u8 = 1;
/// The exit code for a wrong command line, or a wrong file that it names.
pub(super) const USAGE: u8 = 2;
/// The exit code for a request that the bank refused.
pub(super) const REFUSED: u8 = 3;

/// Why a verb failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code of the process.
    pub(super) code: u8,
    /// One line for stderr.
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }
}
