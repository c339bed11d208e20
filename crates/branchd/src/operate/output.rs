//! Output of the verbs on stdout.

use std::io::{self, Write};

use super::failure::{FAILED, Failure};

/// Prints a text on stdout. A reader that has closed the pipe is not an error.
///
/// # Errors
/// The text cannot be written, for example to a full disk.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FAILED, format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
