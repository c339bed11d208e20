//! Why a verb failed: an exit code, and a line for stderr.

/// The verb failed.
pub(super) const FAILED: u8 = 1;
/// The command line, or a file that it names, is wrong.
pub(super) const USAGE: u8 = 2;
/// The bank refused the request.
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
