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
mod tests {
    use bank_types::{AccountName, Amount, Propagation, Write};

    use super::*;

    fn pending() -> PendingWrite {
        PendingWrite::new(
            Write::Deposit {
                account: AccountName::main(),
                amount: Amount::new(5).expect("an amount"),
            },
            Propagation::Quorum,
        )
    }

    async fn open(path: &Path) -> Result<SessionStore, SessionStoreError> {
        SessionStore::open(path, Duration::ZERO, Durability::Process).await
    }

    #[tokio::test]
    async fn what_was_saved_is_there_after_a_crash_and_a_pending_write_is_in_doubt() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.json");
        let mut store = open(&path).await.expect("made");
        assert_eq!(store.session, Session::default());
        let write = pending();
        let bank_id = Some(Uuid::now_v7());
        store.session = Session {
            bank_id,
            read_position: u64::MAX,
            write_position: 7,
            pending: Some(write.clone()),
        };
        store.save().expect("saved");
        let saved = store.session.clone();
        // A crash ends the lock and nothing else.
        drop(store);
        let store = open(&path).await.expect("read");
        assert_eq!(
            store.session,
            Session {
                pending: Some(PendingWrite {
                    in_doubt: true,
                    ..write
                }),
                ..saved
            }
        );
    }

    #[tokio::test]
    async fn a_second_run_waits_and_then_says_who_holds_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.json");
        let first = open(&path).await.expect("made");
        let error = open(&path).await.expect_err("locked").to_string();
        assert!(
            error.contains(&format!("in use by process {}", std::process::id())),
            "{error}"
        );
        let (second, ()) = tokio::join!(
            SessionStore::open(&path, Duration::from_secs(30), Durability::Process),
            async move { drop(first) }
        );
        second.expect("free");
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.json");
        let good = String::from_utf8(
            encode(&Session {
                pending: Some(pending()),
                ..Session::default()
            })
            .expect("JSON"),
        );
        let good = good.expect("UTF-8");
        let table = [
            (String::new(), "empty"),
            ("{".into(), "EOF"),
            ("[]".into(), "invalid"),
            (good.replace("\"version\":1", "\"version\":2"), "its version is 2"),
            (good.replace("read_position", "red_position"), "unknown field"),
            (good.replace("\"read_position\":0,", ""), "missing field"),
            (good.replace("\"amount\":5", "\"amount\":0"), "amount is 0"),
            (good.replace("main", "ma in"), "an account name has ' '"),
            (
                good.replace("\"write_position\":0", "\"write_position\":-1"),
                "invalid value",
            ),
            (good[..good.len() / 2].to_owned(), "EOF"),
            (good.clone() + "x", "trailing"),
            (
                r#"{"bank_id":"x","branches":[]}"#.into(),
                "it is a bank file, not a session file",
            ),
            ("passbook-secret-1:00".into(), "it is the secret of a bank"),
        ];
        for (content, expected) in table {
            std::fs::write(&path, &content).expect("written");
            let error = open(&path).await.expect_err(&content).to_string();
            assert!(
                error.contains("s.json") && error.contains(expected) && error.contains("it is left as it is"),
                "{error}"
            );
            assert!(!error.contains("remove"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), content);
        }
        let error = open(&directory.path().join("no/s.json"))
            .await
            .expect_err("no directory")
            .to_string();
        assert!(error.contains("its directory must exist"), "{error}");
        assert!(matches!(
            open(directory.path()).await,
            Err(SessionStoreError::Io { verb: "lock", .. })
        ));
    }
}
