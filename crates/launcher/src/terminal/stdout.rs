//! Prints on stdout. Colours are removed unless stdout is a terminal and `NO_COLOR` is not set.

use std::io::{self, Write};

/// Prints a text on stdout.
///
/// # Errors
/// Stdout cannot be written, for example because a disk is full. A closed pipe is not an error: its reader has ended.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    accept_closed_pipe(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// The result of writing, where a closed pipe is no error.
pub(super) fn accept_closed_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
