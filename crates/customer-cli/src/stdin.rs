//! The stdin of a replay: read to its end; or its first line only, where its end is the sign that whoever started this
//! customer is gone.

use std::io::{self, BufRead, IsTerminal, Read};
use std::process;
use std::thread;

use crate::events::EventsError;
use crate::exit::Exit;
use crate::output::note;

/// About half a million events.
const LEN_MAX: u64 = 64 << 20;
/// The watching thread only reads.
const WATCH_STACK_BYTES: usize = 64 << 10;

/// All of stdin.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn whole() -> Result<Vec<u8>, EventsError> {
    let mut content = Vec::new();
    if io::stdin().is_terminal() {
        note("reading events from the terminal, one JSON object per line; Ctrl-D ends them");
    }
    let read = io::stdin().lock().take(LEN_MAX + 1).read_to_end(&mut content);
    bounded(read, content)
}

/// The first line of stdin. From then on the end of stdin ends this process, whatever it waits for: a write that is under
/// way stays in the session file, which is replaced whole and so is whole at every instant. A line that is cut off is that
/// end already.
///
/// # Errors
/// It cannot be read or watched, or is too large.
pub fn first_line_then_watch() -> Result<Vec<u8>, EventsError> {
    let mut content = Vec::new();
    let read = io::stdin().lock().take(LEN_MAX + 1).read_until(b'\n', &mut content);
    let content = bounded(read, content)?;
    if content.last() != Some(&b'\n') {
        note("stdin ended within its first line: nothing was sent");
        process::exit(Exit::NobodyReads.code().into());
    }
    let watch = || {
        // Whatever else is written there is nobody's business; that it ends is.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Nothing is said: nobody may be left who reads stderr.
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
