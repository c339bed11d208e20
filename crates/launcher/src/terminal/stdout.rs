//! Prints on stdout. Colours are removed unless stdout is a terminal and `NO_COLOR` is not set.

use std::io::{self, Write};

/// Prints a text on stdout.
///
/// # Errors
/// Stdout cannot be written, for example because a disk is full. A closed pipe is not an error: its reader has ended.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
