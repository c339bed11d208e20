//! The data directory of a branch: whose it is, and that only one process uses it.
//!
//! ```text
//! branch.json   format, branch, replica, bank: written once, and once more when the branch gets its bank
//! secret        the bank's, as text; see `secret`
//! LOCK          held while a process uses the directory; has its process id in it
//! journal/      bank-wal
//! ledger.db     the books, SQLite
//! BOOKS-DIFFER  only of a branch whose books were found wrong: it does not start any more
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::divergence_mark;

/// Of the directory as a whole. Raised by a change that an older version would misread.
const FORMAT: u32 = 1;
/// The file with the bank's secret.
pub(crate) const SECRET_FILE: &str = "secret";

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// The system refused.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has it.
    #[error("{path} is in use by process {pid}: stop that branch first, or give another --data", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// As the process wrote it.
        pid: String,
    },
    /// It is another branch's.
    #[error("{path} belongs to branch {owner}, not to branch {branch}: give --id {owner}, or another --data", path = path.display())]
    OtherBranch {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asked for it.
        branch: u32,
    },
    /// It was written by another version.
    #[error("{path} has format {format}, this program knows {FORMAT}: run the version that wrote it", path = path.display())]
    OtherFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The books in it were found to differ from the bank's.
    #[error("{0}")]
    BooksDiffer(String),
    /// It is damaged, or no data directory.
    #[error("{path}: {why}: move the directory aside and start the branch on an empty one", path = path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    format: u32,
    branch: u32,
    /// 16 hexadecimal digits: JSON readers round numbers this large.
    replica: String,
    bank_id: Option<Uuid>,
}

/// A data directory that this process has to itself.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    branch: u32,
    replica: u64,
    bank_id: Mutex<Option<Uuid>>,
    _lock: File,
}

impl DataDirectory {
    /// Takes the directory for a branch; creates it, with a new random replica id, where there is none.
    ///
    /// # Errors
    /// It is in use, another branch's, another version's, damaged or cannot be written.
    pub(crate) fn open(path: &Path, branch: u32) -> Result<Self, DataDirectoryError> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let lock = lock(path)?;
        if let Some(line) = divergence_mark::read(path).map_err(failed("read the mark in", path))? {
            return Err(DataDirectoryError::BooksDiffer(line));
        }
        let file_path = path.join("branch.json");
        let file = match fs::read_to_string(&file_path) {
            Ok(text) => parse(&file_path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                refuse_leftovers(path)?;
                let replica = (Uuid::new_v4().as_u128() >> 64) as u64;
                let file = IdentityFile {
                    format: FORMAT,
                    branch,
                    replica: format!("{replica:016x}"),
                    bank_id: None,
                };
                write(path, &file)?;
                file
            }
            Err(error) => return Err(failed("read", &file_path)(error)),
        };
        if file.branch != branch {
            return Err(DataDirectoryError::OtherBranch {
                path: path.to_owned(),
                owner: file.branch,
                branch,
            });
        }
        let replica = u64::from_str_radix(&file.replica, 16).map_err(|_| DataDirectoryError::Damaged {
            path: file_path,
            why: format!("{:?} is no replica id", file.replica),
        })?;
        let bank_id = Mutex::new(file.bank_id);
        Ok(Self {
            path: path.to_owned(),
            branch,
            replica,
            bank_id,
            _lock: lock,
        })
    }

    /// Takes a directory that is some branch's already.
    ///
    /// # Errors
    /// As for [`Self::open`]; and where it is none.
    pub(crate) fn open_existing(path: &Path) -> Result<Self, DataDirectoryError> {
        let file_path = path.join("branch.json");
        let text = fs::read_to_string(&file_path).map_err(failed("read", &file_path))?;
        Self::open(path, parse(&file_path, &text)?.branch)
    }

    pub(crate) fn branch(&self) -> u32 {
        self.branch
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn replica(&self) -> u64 {
        self.replica
    }

    /// The bank that the branch belongs to, if it has one.
    pub(crate) fn bank_id(&self) -> Option<Uuid> {
        *self.bank_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the branch one of a bank, for good. Durable when it returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn join(&self, bank: Uuid) -> Result<(), DataDirectoryError> {
        let replica = format!("{:016x}", self.replica);
        write(
            &self.path,
            &IdentityFile {
                format: FORMAT,
                branch: self.branch,
                replica,
                bank_id: Some(bank),
            },
        )?;
        *self.bank_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(bank);
        Ok(())
    }

    /// Removes the journal and books of an adoption that never came to its end. The caller has seen that they are empty.
    ///
    /// # Errors
    /// They cannot be removed.
    pub(crate) fn remove_unjoined(&self) -> Result<(), DataDirectoryError> {
        let mut ledger_files = vec![self.ledger()];
        ledger_files.extend(["-wal", "-shm"].map(|end| self.path.join(format!("ledger.db{end}"))));
        let removed = ledger_files.into_iter().map(|file| (fs::remove_file(&file), file));
        for (result, path) in removed.chain([(fs::remove_dir_all(self.journal()), self.journal())]) {
            match result {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the journal is.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where the bank's secret is.
    pub(crate) fn secret(&self) -> PathBuf {
        self.path.join(SECRET_FILE)
    }

    /// Where the books are.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path.join("ledger.db")
    }

    /// Removes copies of the books that a crash left on their way in or out.
    pub(crate) fn remove_strays(&self) {
        let Ok(listing) = fs::read_dir(&self.path) else { return };
        for file in listing.flatten() {
            if file.file_name().to_string_lossy().starts_with("incoming-") {
                // It only takes up room.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

/// The bank that a directory says it belongs to, for an announcement; `None` where it says nothing, or none.
pub(crate) fn recorded_bank(directory: &Path) -> Option<Uuid> {
    let text = fs::read_to_string(directory.join("branch.json")).ok()?;
    serde_json::from_str::<IdentityFile>(&text).ok()?.bank_id
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirectoryError {
    let path = path.to_owned();
    move |source| DataDirectoryError::Io { what, path, source }
}

fn lock(directory: &Path) -> Result<File, DataDirectoryError> {
    let path = directory.join("LOCK");
    let options = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .to_owned();
    let mut file = options.open(&path).map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Without it the message says less; the refusal stands.
            let _ = file.read_to_string(&mut pid);
            return Err(DataDirectoryError::Locked {
                path: directory.to_owned(),
                pid: pid.trim().to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
    }
    let write = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    write.map_err(failed("write", &path))?;
    Ok(file)
}

/// A journal or books without the file that says whose they are: something is missing.
fn refuse_leftovers(directory: &Path) -> Result<(), DataDirectoryError> {
    for name in ["journal", "ledger.db"] {
        if directory.join(name).exists() {
            let why = format!("it has {name}, but no branch.json that says whose it is");
            return Err(DataDirectoryError::Damaged {
                path: directory.to_owned(),
                why,
            });
        }
    }
    Ok(())
}

fn parse(path: &Path, text: &str) -> Result<IdentityFile, DataDirectoryError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged = |error: serde_json::Error| DataDirectoryError::Damaged {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let Format { format } = serde_json::from_str(text).map_err(damaged)?;
    if format != FORMAT {
        return Err(DataDirectoryError::OtherFormat {
            path: path.to_owned(),
            format,
        });
    }
    serde_json::from_str(text).map_err(damaged)
}

/// Whole or not at all, and durable.
fn write(directory: &Path, file: &IdentityFile) -> Result<(), DataDirectoryError> {
    let path = directory.join("branch.json");
    let written = (|| {
        let temporary = directory.join("branch.json.new");
        let mut text = serde_json::to_string_pretty(file)?;
        text.push('\n');
        let mut out = File::create(&temporary)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    })();
    written.map_err(failed("write", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_branchs() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let bank = Uuid::new_v4();
        let first = DataDirectory::open(directory.path(), 3).expect("a new directory");
        assert_eq!(first.bank_id(), None);
        first.join(bank).expect("a bank");
        let pid = std::process::id().to_string();
        let second = DataDirectory::open(directory.path(), 3).expect_err("in use");
        assert!(matches!(second, DataDirectoryError::Locked { pid: holder, .. } if holder == pid));
        let replica = first.replica();
        drop(first);

        let again = DataDirectory::open(directory.path(), 3).expect("the same branch");
        assert_eq!((again.bank_id(), again.replica()), (Some(bank), replica));
        drop(again);
        let other = DataDirectory::open(directory.path(), 4).expect_err("another branch");
        assert!(matches!(
            other,
            DataDirectoryError::OtherBranch {
                owner: 3,
                branch: 4,
                ..
            }
        ));
    }

    #[test]
    fn a_damaged_or_newer_directory_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("branch.json");
        for (text, newer) in [
            ("", false),
            ("{\"format\":1}", false),
            ("{\"format\":2,\"new\":1}", true),
        ] {
            fs::write(&file, text).expect("a file");
            let error = DataDirectory::open(directory.path(), 1).expect_err("refused");
            assert_eq!(
                matches!(error, DataDirectoryError::OtherFormat { .. }),
                newer,
                "{text}: {error}"
            );
        }
        fs::remove_file(&file).expect("removed");
        fs::write(directory.path().join("ledger.db"), "x").expect("a file");
        let error = DataDirectory::open(directory.path(), 1).expect_err("refused");
        assert!(error.to_string().contains("no branch.json"), "{error}");
    }
}
