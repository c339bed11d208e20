//! The data directory of a branch: its identity file, its lock, and the paths of the other files.
//!
//! ```text
//! branch.json   format, branch, replica and bank; written once, and once more when the branch joins a bank
//! secret        the bank's secret as text; see `secret`
//! LOCK          locked while a process uses the directory; holds the process id
//! journal/      the write-ahead log (bank-wal)
//! ledger.db     the ledger database (SQLite)
//! BOOKS-DIFFER  the mark of a branch whose ledger was found wrong; see `divergence_mark`
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use durable_file::Durability;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::divergence_mark;

/// The format of the whole directory. A change that an older version would misread raises it.
const FORMAT: u32 = 1;
/// The name of the file with the bank's secret.
pub(crate) const SECRET_FILE: &str = "secret";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// An operation of the operating system failed.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Another process uses the directory.
    #[error("{path} is in use by process {pid}: stop that branch first, or give another --data", path = path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process id in the lock file.
        pid: String,
    },
    /// The directory belongs to another branch.
    #[error(
        "{path} belongs to branch {owner}, not to branch {branch}: give --id {owner}, or another --data",
        path = path.display()
    )]
    OtherBranch {
        /// The data directory.
        path: PathBuf,
        /// The branch that the directory belongs to.
        owner: u32,
        /// The branch that was started.
        branch: u32,
    },
    /// The directory was written by another version of this program.
    #[error(
        "{path} has format {format}, this program knows {FORMAT}: run the version that wrote it",
        path = path.display()
    )]
    OtherFormat {
        /// The identity file.
        path: PathBuf,
        /// The format in the file.
        format: u32,
    },
    /// The ledger in the directory was found to differ from the bank's. The text is the line of the mark.
    #[error("{0}")]
    BooksDiffer(String),
    /// The directory is damaged, or is no data directory.
    #[error("{path}: {why}: move the directory aside and start the branch on an empty one", path = path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// The damage.
        why: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    format: u32,
    branch: u32,
    /// 16 hexadecimal digits. Many JSON readers round numbers of this size.
    replica: String,
    bank_id: Option<Uuid>,
}

/// A data directory that this process has locked.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    branch: u32,
    replica: u64,
    bank_id: Mutex<Option<Uuid>>,
    _lock: File,
}

impl DataDirectory {
    /// Opens and locks the directory of a branch. If there is none, creates it with a new random replica id.
    ///
    /// # Errors
    /// The directory is in use, belongs to another branch, has another format, is damaged, is marked, or cannot be
    /// written.
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

    /// Opens and locks an existing directory of any branch.
    ///
    /// # Errors
    /// As for [`Self::open`], or the directory does not exist.
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

    /// The bank that the branch belongs to, if it belongs to one.
    pub(crate) fn bank_id(&self) -> Option<Uuid> {
        *self.bank_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the branch belongs to a bank. The record is durable when this returns, and it never changes again.
    ///
    /// # Errors
    /// The identity file cannot be written.
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

    /// Removes the write-ahead log and the ledger database of an adoption that did not finish. The caller has checked
    /// that they are empty.
    ///
    /// # Errors
    /// A file cannot be removed.
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

    /// The directory of the write-ahead log.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The stamp in the files of the write-ahead log. It ties the log to the bank and the replica, so that this branch
    /// never opens the log of another bank or of another branch.
    pub(crate) fn wal_stamp(&self, bank_id: Uuid) -> [u8; 16] {
        (bank_id.as_u128() ^ u128::from(self.replica)).to_be_bytes()
    }

    /// The file with the bank's secret.
    pub(crate) fn secret(&self) -> PathBuf {
        self.path.join(SECRET_FILE)
    }

    /// The ledger database.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path.join("ledger.db")
    }

    /// Removes temporary files that a crash has left: of a snapshot, or of a file that was being replaced.
    pub(crate) fn remove_strays(&self) {
        let Ok(listing) = fs::read_dir(&self.path) else { return };
        for file in listing.flatten() {
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("incoming-") || durable_file::is_temporary(&name) {
                // The file only takes up room, so an error does no harm.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

/// The bank in a directory's identity file, without opening the directory. `None`: the file names no bank or cannot be
/// read.
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
            // Without the process id the error message is shorter.
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

/// Refuses a directory that has a write-ahead log or a ledger database but no identity file.
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

/// Replaces the identity file atomically and durably.
fn write(directory: &Path, file: &IdentityFile) -> Result<(), DataDirectoryError> {
    let path = directory.join("branch.json");
    let written = serde_json::to_string_pretty(file)
        .map_err(io::Error::from)
        .and_then(|text| durable_file::replace(&path, format!("{text}\n").as_bytes(), Durability::Host));
    written.map_err(failed("write", &path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
    fn temporary_files_of_a_crash_are_removed_and_nothing_else() {
        let at = tempfile::tempdir().expect("a temporary directory");
        let directory = DataDirectory::open(at.path(), 3).expect("a new directory");
        let names = || -> BTreeSet<_> {
            let files = fs::read_dir(at.path()).expect("listed");
            files.map(|file| file.expect("a file").file_name()).collect()
        };
        let before = names();
        for stray in ["incoming-1.db", ".passbook-a1B2c3.tmp"] {
            fs::write(at.path().join(stray), "").expect("a file");
        }
        directory.remove_strays();
        assert_eq!(names(), before);
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
