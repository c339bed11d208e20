//! The file of tokens: read whole, checked, replaced whole, and read again by a running branch when it has changed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use durable_file::{Durability, FileStamp};

use super::tokens::{TokenSet, TokenSetError};
use crate::callers::LogLimit;

/// The largest file, in bytes. It has room for 30,000 tokens.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// How often a running branch checks whether the file has changed, at most. So a revoked token is accepted for no
/// longer than this.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the log repeats that the file cannot be used. It stays so until an operator does something.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// How long a change waits for another one in the same directory. A change takes some milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two attempts to begin a change.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file does not exist.
    #[error(
        "there is no file of tokens {path}: `branchd token add --file {path} --role ROLE --name NAME` makes it",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// An error of the file system.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// Operation that failed: `read`, `lock` or `write`.
        what: &'static str,
        /// The file or its directory.
        path: PathBuf,
        /// Error of the file system.
        source: io::Error,
    },
    /// Other users than the owner may read or change the file.
    #[error("{path} can be read or changed by others (mode {mode:04o}): run `chmod 600 {path}`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
    /// The content is wrong.
    #[error("{path}: {source}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with the content.
        source: TokenSetError,
    },
    /// Another process changes a file of tokens in the same directory.
    #[error("another process has locked {path}: run the command again when it has ended", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
}

/// Reads the tokens in a file.
///
/// # Errors
/// See [`TokenFileError`]. A file that others may read or change is refused.
pub(crate) fn read(path: &Path) -> Result<TokenSet, TokenFileError> {
    let (content, _) = read_content(path)?;
    parse(path, &content)
}

fn read_content(path: &Path) -> Result<(Vec<u8>, FileStamp), TokenFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => TokenFileError::Missing { path: path.to_owned() },
        _ => failed("read", path)(source),
    };
    // The type is checked before the file is opened, because opening a FIFO would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        let what = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(failed(what));
    }
    let file = File::open(path).map_err(failed)?;
    // The permissions are those of the open file, so that the checked file is the file that is read.
    let found = file.metadata().map_err(failed)?;
    if let Some(mode) = durable_file::open_to_others(&found) {
        let path = path.to_owned();
        return Err(TokenFileError::Open { path, mode });
    }
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        let why = format!("it is larger than {FILE_BYTES_MAX} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    Ok((content, FileStamp::of(&found)))
}

fn parse(path: &Path, content: &[u8]) -> Result<TokenSet, TokenFileError> {
    TokenSet::parse(content).map_err(|source| TokenFileError::Content {
        path: path.to_owned(),
        source,
    })
}

/// Changes the tokens in a file. The new file is durable when this function returns. `make`: a missing file is made.
///
/// # Errors
/// See [`TokenFileError`], or `change` fails. The file is unchanged then.
pub(crate) fn edit<T, E: From<TokenFileError>>(
    path: &Path,
    make: bool,
    change: impl FnOnce(&mut TokenSet) -> Result<T, E>,
) -> Result<T, E> {
    let _lock = lock(path)?;
    let (mut tokens, is_new) = match read(path) {
        Ok(tokens) => (tokens, false),
        Err(TokenFileError::Missing { .. }) if make => (TokenSet::default(), true),
        Err(error) => return Err(error.into()),
    };
    let changed = change(&mut tokens)?;
    let content = tokens.to_json().map_err(io::Error::from);
    let written = content.and_then(|content| match is_new {
        true => durable_file::create_private(path, &content, Durability::Host),
        // The new file has the permissions of the old one.
        false => durable_file::replace(path, &content, Durability::Host),
    });
    written.map_err(failed("write", path))?;
    Ok(changed)
}

/// Locks the directory of the file, because the file itself is replaced by each change.
fn lock(path: &Path) -> Result<File, TokenFileError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let lock = File::open(directory).map_err(failed("read", directory))?;
    let give_up = Instant::now() + LOCK_TIMEOUT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let path = directory.to_owned();
                return Err(TokenFileError::Locked { path });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", directory)(error)),
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TokenFileError {
    let path = path.to_owned();
    move |source| TokenFileError::Io { what, path, source }
}

/// The tokens that a running branch accepts. They follow the file. If a changed file cannot be used, the tokens of the
/// last good one stay in use.
#[derive(Debug)]
pub(crate) struct LiveTokens {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: Arc<TokenSet>,
    /// The file that was read last, good or not. `None`: the last attempt could not read it.
    stamp: Option<FileStamp>,
    /// Whether the tokens are those of the file that was read last.
    is_good: bool,
    checked: Instant,
    log: LogLimit,
}

impl LiveTokens {
    /// Reads the file.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub(crate) fn open(path: &Path) -> Result<Self, TokenFileError> {
        let (content, stamp) = read_content(path)?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                tokens: Arc::new(parse(path, &content)?),
                stamp: Some(stamp),
                is_good: true,
                checked: Instant::now(),
                log: LogLimit::every(LOG_INTERVAL),
            }),
        })
    }

    /// The tokens. The file is read again if it has changed, which is checked once a second at the most.
    pub(crate) fn current(&self) -> Arc<TokenSet> {
        let mut state = self.lock();
        if state.checked.elapsed() >= CHECK_INTERVAL
            && let Err(error) = state.refresh(&self.path, false)
            && let Some(suppressed) = state.log.allow(Instant::now())
        {
            tracing::error!(suppressed, "the tokens of the last good file stay in use: {error}");
        }
        Arc::clone(&state.tokens)
    }

    /// Reads the file again if it has changed, or if it could not be used. Returns whether there are new tokens.
    ///
    /// # Errors
    /// See [`TokenFileError`]. The tokens of the last good file stay in use.
    #[cfg(test)]
    pub(crate) fn refresh(&self) -> Result<bool, TokenFileError> {
        self.lock().refresh(&self.path, true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete when the tokens are set.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `again`: a file that could not be used is read again, even if it has not changed.
    fn refresh(&mut self, path: &Path, again: bool) -> Result<bool, TokenFileError> {
        self.checked = Instant::now();
        let found = fs::metadata(path).ok().map(|found| FileStamp::of(&found));
        if found.is_some() && found == self.stamp && (self.is_good || !again) {
            return Ok(false);
        }
        (self.stamp, self.is_good) = (None, false);
        let (content, stamp) = match read_content(path) {
            Err(error @ TokenFileError::Open { .. }) => {
                // As long as the permissions are too wide, one look is enough.
                self.stamp = found;
                return Err(error);
            }
            read => read?,
        };
        self.stamp = Some(stamp);
        let tokens = parse(path, &content)?;
        self.is_good = true;
        let changed = *self.tokens != tokens;
        if changed {
            tracing::info!(path = %path.display(), "the tokens were read again");
            self.tokens = Arc::new(tokens);
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests;
