//! Prints on stderr. Colours are removed unless stderr is a terminal and `NO_COLOR` is not set.

use super::stdout::accept_closed_pipe;
use std::io::{self, Write};

/// Prints a text on stderr.
///
/// # Errors
/// Stderr cannot be written. A closed pipe is not an error: its reader has ended.
pub fn print(text: &str) -> io::Result<()> {
    accept_closed_pipe(anstream::stderr().lock().write_all(text.as_bytes()))
}
