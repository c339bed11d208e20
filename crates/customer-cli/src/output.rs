//! Stdout and stderr. A reader that goes away early is not an error; a full disk is.

use std::io::{self, BufWriter, ErrorKind, Write};

use serde::Serialize;

/// Lines to stdout, or to another writer.
#[derive(Debug)]
pub struct Output<W: Write> {
    writer: BufWriter<W>,
    closed: bool,
}

impl Output<io::Stdout> {
    /// Output to stdout.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> Output<W> {
    /// Output to any writer.
    pub fn new(writer: W) -> Self {
        Self {
            writer: BufWriter::new(writer),
            closed: false,
        }
    }

    /// Writes one line.
    ///
    /// # Errors
    /// An error of the system. A reader that went away is not an error; see [`Output::closed`].
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        self.attempt(|writer| writeln!(writer, "{line}"))
    }

    /// Writes a value as one line of JSON.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_string(value)?;
        self.line(&line)
    }

    /// Passes on what was written so far.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.attempt(BufWriter::flush)
    }

    /// Whether the reader went away. Further lines are dropped.
    pub fn closed(&self) -> bool {
        self.closed
    }

    fn attempt(&mut self, write: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match write(&mut self.writer) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

/// Prints a line on stderr. An error is ignored, because there is nowhere left to report it.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "customer-cli: {text}");
}
