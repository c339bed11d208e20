//! Reads the input of an import. A file is read twice: once to check it, once to send it. Stdin is read once. The reading
//! that sends has a thread of its own, and a bounded channel to the task that sends.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::thread;

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::mpsc;

use super::record::Content;
use super::rows::{Format, Row, RowError, Rows};

/// How many wrong lines are told at once.
const ERRORS_TOLD_MAX: usize = 10;
/// How many rows of a file go through the channel together, so that a row costs no wake-up.
const ROWS_TOGETHER: usize = 512;
/// How many of them may wait in the channel.
const WAITING_MAX: usize = 16;

/// Rows, or the error after which there are no more.
pub type Rowset = Result<Vec<Row>, RowError>;

/// A file that cannot be imported. Nothing was sent.
#[derive(Debug, Error)]
pub enum SourceError {
    /// An error of the file system.
    #[error("{}: cannot {verb} it: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `open`, `lock` or `read`.
        verb: &'static str,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
    /// Another import of the file is under way.
    #[error("{}: another import of this file is under way; wait until it has ended", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Lines of the file are wrong.
    #[error("{}: {what}; nothing was sent", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The first wrong lines.
        what: String,
    },
}

/// A file whose lines are all right. No other import of it can begin as long as the value lives.
#[derive(Debug)]
pub struct CheckedFile {
    file: File,
    format: Format,
    /// What the file is known by.
    pub content: Content,
}

impl CheckedFile {
    /// Opens a file and checks all of it.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn open(path: &Path, format: Format) -> Result<Self, SourceError> {
        let failed = |verb| {
            move |source| SourceError::Io {
                path: path.to_owned(),
                verb,
                source,
            }
        };
        // The type is checked before the file is opened, because opening a FIFO would wait for a writer.
        let found = std::fs::metadata(path).map_err(failed("open"))?;
        if !found.is_file() {
            let why = "it is not a regular file; pass a pipe as stdin, with - for the file";
            return Err(failed("open")(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let file = File::open(path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SourceError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let content = check(&file, format).map_err(|what| SourceError::Wrong {
            path: path.to_owned(),
            what,
        })?;
        Ok(Self { file, format, content })
    }

    /// Reads the file again, from the first write after this line on.
    ///
    /// # Errors
    /// The file cannot be read, or the thread cannot be started.
    pub fn rows(&self, after_line: u64) -> io::Result<mpsc::Receiver<Rowset>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        rows_of(file, self.format, ROWS_TOGETHER, after_line)
    }
}

/// Reads stdin.
///
/// # Errors
/// The thread cannot be started.
pub fn stdin_rows(format: Format) -> io::Result<mpsc::Receiver<Rowset>> {
    // A row is passed on at once, because the next one may come much later.
    rows_of(io::stdin(), format, 1, 0)
}

fn rows_of(
    input: impl Read + Send + 'static,
    format: Format,
    together: usize,
    after_line: u64,
) -> io::Result<mpsc::Receiver<Rowset>> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX.max(1024 / together));
    let read = move || {
        // An error means that the import has ended.
        let send = |rowset| sender.blocking_send(rowset).is_ok();
        let rows = match Rows::new(format, input) {
            Ok(rows) => rows,
            Err(error) => {
                send(Err(error));
                return;
            }
        };
        let mut waiting = Vec::with_capacity(together);
        for row in rows {
            match row {
                Ok(row) if row.line <= after_line => {}
                Ok(row) => waiting.push(row),
                Err(error) => {
                    let _ = send(Ok(waiting)) && send(Err(error));
                    return;
                }
            }
            if waiting.len() == together && !send(Ok(std::mem::replace(&mut waiting, Vec::with_capacity(together)))) {
                return;
            }
        }
        send(Ok(waiting));
    };
    thread::Builder::new().name("rows".to_owned()).spawn(read)?;
    Ok(receiver)
}

/// Checks every line. Returns what the file is known by.
fn check(file: &File, format: Format) -> Result<Content, String> {
    let mut digest = Sha256::new();
    let hashing = Hashing {
        input: file,
        digest: &mut digest,
    };
    let (mut rows, mut wrong) = (0, Vec::new());
    match Rows::new(format, hashing) {
        Ok(all) => {
            for row in all {
                match row {
                    Ok(_) => rows += 1,
                    Err(error) => {
                        let ends = matches!(error, RowError::Read { .. });
                        wrong.push(error.to_string());
                        if ends || wrong.len() == ERRORS_TOLD_MAX {
                            break;
                        }
                    }
                }
            }
        }
        Err(error) => wrong.push(error.to_string()),
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n  "));
    }
    let mut sha256 = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a text cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(Content { sha256, rows })
}

/// Hashes what is read.
struct Hashing<'a> {
    input: &'a File,
    digest: &'a mut Sha256,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.input.read(buffer)?;
        self.digest.update(&buffer[..len]);
        Ok(len)
    }
}
