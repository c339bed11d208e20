//! Prints on stdout. Colours are kept only where stdout is a terminal and NO_COLOR is not set.

use std::io::{self, Write};

/// Prints, and says whether stdout took it.
///
/// # Errors
/// Stdout is full, say. A closed one is no error: the reader has gone away.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
