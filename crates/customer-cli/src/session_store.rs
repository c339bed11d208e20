//! The session file. It is read when the program starts, replaced whole after each change, and locked in between, so
//! that two runs with one session go one after the other.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bank_client::{FileKind, PendingWrite, Session};
use bank_types::Position;
use durable_file::Durability;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Version of the file format.
pub const VERSION: u32 = 1;
/// Largest session file. A session takes a few hundred bytes.
const FILE_LEN_MAX: u64 = 64 << 10;
/// Time between two attempts to take a lock that another run holds.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// A session, and the file that keeps it, if there is one.
#[derive(Debug)]
pub struct SessionStore {
    /// The session. [`SessionStore::save`] stores changes.
    pub session: Session,
    file: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    durability: Durability,
    /// Content of the file.
    stored: Option<Session>,
    /// Lock file. The lock holds as long as the file is open.
    _lock: File,
}

/// A session file that cannot be used.
#[derive(Debug, Error)]
pub enum SessionStoreError {
    /// An error of the file system.
    #[error("session file {}: cannot {verb} it: {source}{}", path.display(), hint(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `write`, `remove` or `lock`.
        verb: &'static str,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
    /// The file is another one of this project.
    #[error("session file {}: it is {kind}, not a session file; it is left as it is; name another file with --session", path.display())]
    AnotherKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// The content is not a session.
    #[error(
        "session file {}: it is damaged, or no session file: {what}; it is left as it is; restore it, or name another \
         file with --session",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another run uses the file.
    #[error(
        "session file {}: in use by {holder}; wait for it, give a longer --timeout, or use another file with --session",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// Process that holds the lock, as it wrote into the lock file.
        holder: String,
    },
}

impl SessionStoreError {
    /// Whether the file system does not let this user write the file.
    pub fn is_forbidden(&self) -> bool {
        let Self::Io { source, .. } = self else { return false };
        matches!(
            source.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        )
    }
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::NotFound => "; its directory must exist",
        ErrorKind::IsADirectory => "; name a file",
        _ => "",
    }
}

/// The content of a session file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    bank_id: Option<Uuid>,
    read_position: Position,
    write_position: Position,
    pending: Option<PendingWrite>,
}

/// The version is read first, because a later version may have other fields.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl SessionStore {
    /// A new session without a file, which ends with the program.
    pub fn in_memory() -> Self {
        Self {
            session: Session::default(),
            file: None,
        }
    }

    /// Locks and reads the file. A missing file is a new session. Waits up to `timeout` for another run.
    ///
    /// # Errors
    /// [`SessionStoreError`]. The file is unchanged.
    pub async fn open(path: &Path, timeout: Duration, durability: Durability) -> Result<Self, SessionStoreError> {
        // Two names of one file share one lock.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = lock(&path, timeout).await?;
        let stored = match durable_file::read_bounded(&path, FILE_LEN_MAX) {
            Ok(content) => match decode(&content) {
                Ok(session) => Some(session),
                Err(what) => return Err(not_a_session(path, &content, what)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => {
                return Err(SessionStoreError::Io {
                    path,
                    verb: "read",
                    source,
                });
            }
        };
        let session = stored.clone().unwrap_or_default();
        Ok(Self {
            session,
            file: Some(Kept {
                path,
                durability,
                stored,
                _lock: lock,
            }),
        })
    }

    /// Path of the file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|kept| kept.path.as_path())
    }

    /// Whether the file holds a session already.
    pub fn is_stored(&self) -> bool {
        self.file.as_ref().is_some_and(|kept| kept.stored.is_some())
    }

    /// Removes the file. It was read before, so it is a session file. Its lock file stays, since another run may wait
    /// for it.
    ///
    /// # Errors
    /// [`SessionStoreError::Io`]. The file is unchanged.
    pub fn forget(&mut self) -> Result<(), SessionStoreError> {
        let Some(kept) = self.file.as_mut().filter(|kept| kept.stored.is_some()) else {
            return Ok(());
        };
        let removed = std::fs::remove_file(&kept.path);
        removed.map_err(|source| SessionStoreError::Io {
            path: kept.path.clone(),
            verb: "remove",
            source,
        })?;
        kept.stored = None;
        Ok(())
    }

    /// Replaces the file with the current session, unless the file holds it already.
    ///
    /// # Errors
    /// [`SessionStoreError::Io`]. The file is unchanged.
    pub fn save(&mut self) -> Result<(), SessionStoreError> {
        match &mut self.file {
            Some(kept) if kept.stored.as_ref() != Some(&self.session) => kept.replace(&self.session, kept.durability),
            _ => Ok(()),
        }
    }

    /// Replaces the file and syncs it, so that it survives the death of the host.
    ///
    /// # Errors
    /// [`SessionStoreError::Io`].
    pub fn save_synced(&mut self) -> Result<(), SessionStoreError> {
        self.file
            .as_mut()
            .map_or(Ok(()), |kept| kept.replace(&self.session, Durability::Host))
    }
}

impl Kept {
    fn replace(&mut self, session: &Session, durability: Durability) -> Result<(), SessionStoreError> {
        let replaced = encode(session).and_then(|content| durable_file::replace(&self.path, &content, durability));
        replaced.map_err(|source| SessionStoreError::Io {
            path: self.path.clone(),
            verb: "write",
            source,
        })?;
        self.stored = Some(session.clone());
        Ok(())
    }
}

/// The error of a file that holds no session.
fn not_a_session(path: PathBuf, content: &[u8], what: String) -> SessionStoreError {
    match FileKind::of(content).filter(|kind| *kind != FileKind::Session) {
        Some(kind) => SessionStoreError::AnotherKind { path, kind },
        None => SessionStoreError::Corrupt { path, what },
    }
}

async fn lock(path: &Path, timeout: Duration) -> Result<File, SessionStoreError> {
    let failed = |source| SessionStoreError::Io {
        path: path.to_owned(),
        verb: "lock",
        source,
    };
    if path.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(name)
        .map_err(failed)?;
    let deadline = Instant::now() + timeout;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOCK_POLL).await,
            Err(TryLockError::WouldBlock) => {
                return Err(SessionStoreError::Locked {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    // The text only serves messages of runs that wait, so an error here is ignored.
    let _ = file
        .set_len(0)
        .and_then(|()| file.write_all(format!("process {}", std::process::id()).as_bytes()));
    Ok(file)
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.take(40).read_to_string(&mut text));
    match read {
        Ok(_) if text.starts_with("process ") => text.trim().escape_debug().to_string(),
        _ => "another process".to_owned(),
    }
}

fn encode(session: &Session) -> io::Result<Vec<u8>> {
    let Session {
        bank_id,
        read_position,
        write_position,
        pending,
    } = session.clone();
    let mut content = serde_json::to_vec(&Stored {
        version: VERSION,
        bank_id,
        read_position,
        write_position,
        pending,
    })?;
    content.push(b'\n');
    Ok(content)
}

fn decode(content: &[u8]) -> Result<Session, String> {
    if content.is_empty() {
        return Err("it is empty".to_owned());
    }
    let Versioned { version } = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!(
            "its version is {version}, and this program knows version {VERSION}"
        ));
    }
    let stored: Stored = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    let Stored {
        version: _,
        bank_id,
        read_position,
        write_position,
        pending,
    } = stored;
    Ok(Session {
        bank_id,
        read_position,
        write_position,
        pending,
    })
}

#[cfg(test)]
mod tests;
