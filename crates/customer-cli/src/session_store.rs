//! The session file: read when the program starts, replaced whole after each change, and locked in between, so that two
//! runs on one session go one after the other.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bank_client::{Action, PendingWrite, Session};
use durable_file::Durability;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::input;

/// The only form so far.
const VERSION: u32 = 1;
/// A session takes a few hundred bytes.
const FILE_LEN_MAX: u64 = 64 << 10;
/// Between two looks at a lock that another run holds.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// A session, and the file that keeps it, if any.
#[derive(Debug)]
pub struct SessionStore {
    /// The session. Changes are kept by [`SessionStore::save`].
    pub session: Session,
    file: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    durability: Durability,
    /// What the file holds.
    stored: Option<Session>,
    /// Locked for as long as it is open.
    _lock: File,
}

/// A session file that cannot be used.
#[derive(Debug, Error)]
pub enum SessionStoreError {
    /// The file system does not let us.
    #[error("session file {}: cannot {verb} it: {source}{}", path.display(), hint(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `write` or `lock`.
        verb: &'static str,
        /// What the file system says.
        #[source]
        source: io::Error,
    },
    /// It is not what this program wrote.
    #[error(
        "session file {}: it is damaged, or no session file: {what}; restore it, or remove it to begin a new session, \
         which knows nothing of earlier writes",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another run uses it.
    #[error("session file {}: in use by {holder}; wait for it, or give a longer --timeout", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// Who holds the lock, by its own words.
        holder: String,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::NotFound => "; its directory must exist",
        ErrorKind::IsADirectory => "; name a file",
        _ => "",
    }
}

/// As it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    bank_id: Option<Uuid>,
    read_position: u64,
    write_position: u64,
    pending: Option<PendingWrite>,
}

/// Read first: a later form may have other fields.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl SessionStore {
    /// A new session that ends with the program.
    pub fn in_memory() -> Self {
        Self {
            session: Session::default(),
            file: None,
        }
    }

    /// Locks and reads the file; a missing one is a new session. Waits for another run up to `timeout`.
    ///
    /// # Errors
    /// [`SessionStoreError`]; the file is unchanged.
    pub async fn open(path: &Path, timeout: Duration, durability: Durability) -> Result<Self, SessionStoreError> {
        // Two names of one file share one lock.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = lock(&path, timeout).await?;
        let stored = match durable_file::read_bounded(&path, FILE_LEN_MAX) {
            Ok(content) => match decode(&content) {
                Ok(session) => Some(session),
                Err(what) => return Err(SessionStoreError::Corrupt { path, what }),
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

    /// Replaces the file by the session as it is now, unless it holds that already.
    ///
    /// # Errors
    /// [`SessionStoreError::Io`]; the file is as it was.
    pub fn save(&mut self) -> Result<(), SessionStoreError> {
        match &mut self.file {
            Some(kept) if kept.stored.as_ref() != Some(&self.session) => kept.replace(&self.session, kept.durability),
            _ => Ok(()),
        }
    }

    /// Replaces the file, synced against the death of the host.
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
    // Only words for whoever waits: that they cannot be written harms nothing.
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
    if let Some(pending) = &pending {
        check(&pending.action)?;
    }
    Ok(Session {
        bank_id,
        read_position,
        write_position,
        pending,
    })
}

fn check(action: &Action) -> Result<(), String> {
    let (accounts, amount) = match action {
        Action::Deposit { account, amount } | Action::Withdraw { account, amount } => (vec![account], *amount),
        Action::Transfer { from, to, amount } => (vec![from, to], *amount),
        Action::Open { account } => (vec![account], 1),
    };
    for account in accounts {
        input::account(account).map_err(|error| error.to_string())?;
    }
    if amount < 1 {
        Err(format!("its pending amount is {amount}"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_client::Propagation;

    fn pending() -> PendingWrite {
        PendingWrite::new(
            Action::Deposit {
                account: "main".into(),
                amount: 5,
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
    async fn what_is_no_session_is_refused_and_left_alone() {
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
            (good.replace("main", "ma in"), "not an account name"),
            (
                good.replace("\"write_position\":0", "\"write_position\":-1"),
                "invalid value",
            ),
            (good[..good.len() / 2].to_owned(), "EOF"),
            (good.clone() + "x", "trailing"),
        ];
        for (content, expected) in table {
            std::fs::write(&path, &content).expect("written");
            let error = open(&path).await.expect_err(&content).to_string();
            assert!(
                error.contains("s.json") && error.contains(expected) && error.contains("remove it"),
                "{error}"
            );
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
