//! The stdin of a replay. It is read to its end, or only its first line if its end is the sign that the program that
//! started this customer is gone.

use std::io::{self, BufRead, IsTerminal, Read};
use std::process;
use std::thread;

use crate::events::EventsError;
use crate::exit::Exit;
use crate::output::note;

/// Largest input: about half a million events.
const LEN_MAX: u64 = 64 << 20;
/// Stack of the watching thread, which only reads.
const WATCH_STACK_BYTES: usize = 64 << 10;

/// Reads all of stdin.
///
/// # Errors
/// Stdin cannot be read, or is too large.
pub fn whole() -> Result<Vec<u8>, EventsError> {
    let mut content = Vec::new();
    if io::stdin().is_terminal() {
        note("reading events from the terminal, one JSON object per line; Ctrl-D ends them");
    }
    let read = io::stdin().lock().take(LEN_MAX + 1).read_to_end(&mut content);
    bounded(read, content)
}

/// Reads the first line of stdin. From then on the end of stdin ends this process at once. A write that is under way
/// stays in the session file, which is complete at every instant because it is replaced whole. An incomplete line
/// counts as the end of stdin.
///
/// # Errors
/// Stdin cannot be read or watched, or is too large.
pub fn first_line_then_watch() -> Result<Vec<u8>, EventsError> {
    let mut content = Vec::new();
    let read = io::stdin().lock().take(LEN_MAX + 1).read_until(b'\n', &mut content);
    let content = bounded(read, content)?;
    if content.last() != Some(&b'\n') {
        note("stdin ended within its first line: nothing was sent");
        process::exit(Exit::NobodyReads.code().into());
    }
    let watch = || {
        // Further content is ignored; only the end of stdin matters.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // No message: stderr may not be read any more.
        process::exit(Exit::NobodyReads.code().into());
    };
    let thread = thread::Builder::new()
        .name("stdin".to_owned())
        .stack_size(WATCH_STACK_BYTES);
    match thread.spawn(watch) {
        Ok(_) => Ok(content),
        Err(error) => Err(EventsError::Whole(format!("cannot be watched: {error}"))),
    }
}

fn bounded(read: io::Result<usize>, content: Vec<u8>) -> Result<Vec<u8>, EventsError> {
    read.map_err(|error| EventsError::Whole(format!("cannot be read: {error}")))?;
    if content.len() as u64 > LEN_MAX {
        return Err(EventsError::Whole(format!(
            "larger than {LEN_MAX} bytes; replay it in parts"
        )));
    }
    Ok(content)
}
