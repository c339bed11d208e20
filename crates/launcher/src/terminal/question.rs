//! Asks the user to agree to something that cannot be undone.

use super::stderr;
use std::io::{self, BufRead, IsTerminal, Read};

/// Bound on an answer, which is one short word.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Whether the user can be asked: stdin and stderr are a terminal.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks the question on stderr, because stdout may be a pipe. True if the user agrees.
///
/// # Errors
/// The terminal cannot be read or written.
pub(crate) fn agrees(question: &str) -> io::Result<bool> {
    stderr::print(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
