//! The directory of a live bank. One launcher at a time uses it. After a crash it holds nothing, a founding that was
//! begun, or a bank; [`inspect`] tells which.
//!
//! ```text
//! LOCK            locked while the launcher or one of its branches runs; holds the launcher's process id
//! founding.json   addresses of the branches and opening balance; written before the bank is founded, and kept
//! bank.json       the bank, for customers; written when the bank is founded
//! bank.secret     secret by which the branches authenticate each other
//! certs/          certificates of a bank with TLS
//! launcher.log    events of a launcher in the background
//! control.json    port and token of the launcher, for other shells, while it runs
//! branch-N/       data and log of branch N
//! ```

use super::error::LiveError;
use crate::run::bank_files::{BANK_FILE, BANK_LOCK_FILE, FOUNDING_FILE, LOG_FILE, SECRET_FILE};
use bank_client::{BankFile, Branch};
use bank_cluster::CERTS_DIR;
use durable_file::Durability;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Directory of the bank if there is no `--dir`.
pub(super) const DEFAULT_DIR: &str = "outputs/bank";
/// Largest size of `founding.json`. A founding of 1,000 branches takes less than a tenth of it.
const FOUNDING_BYTES_MAX: u64 = 1 << 20;
/// Time until the branches of a killed launcher have ended. They notice at once, and drain for at most 5 s
/// (`DRAIN_TIMEOUT` of `branchd`).
const LEFT_BEHIND_TIMEOUT: Duration = Duration::from_secs(8);
/// Time for which a killed launcher may still have a process id, until its parent has waited for it.
const DYING: Duration = Duration::from_secs(1);
/// Pause between two attempts to take the lock.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The directory, locked by this process.
#[derive(Debug)]
pub(super) struct BankDir {
    dir: PathBuf,
    _lock: File,
}

/// Content of a bank's directory.
#[derive(Debug)]
pub(super) enum Content {
    /// No bank. Branches may have been started, but no founding was begun.
    Empty,
    /// A founding that was begun and may not be complete.
    Begun(Founding),
    /// A bank, and its founding if `launcher up` founded it.
    Bank(BankFile, Option<Founding>),
}

/// The parameters of a founding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Founding {
    /// Opening balance of `main`.
    pub(super) opening_balance: i64,
    /// Address of each branch.
    pub(super) branches: BTreeMap<u32, SocketAddr>,
    /// Whether the branches have certificates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) tls: bool,
}

impl BankDir {
    /// Locks the directory, and creates it if needed. Branches of a killed launcher keep the lock until they end, so
    /// this waits for them.
    ///
    /// # Errors
    /// Another launcher uses the directory, a branch of a killed launcher does not end, or the file system reports an
    /// error. The message names the process.
    pub(super) async fn lock(dir: &Path) -> Result<Self, LiveError> {
        fs::create_dir_all(dir).map_err(LiveError::io(dir.display()))?;
        let path = dir.join(BANK_LOCK_FILE);
        let failed = |source| LiveError::io(path.display())(source);
        let mut lock = open_lock(&path).map_err(failed)?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            let launcher = holder(&mut lock);
            let waited = began.elapsed();
            if launcher.is_none_or(is_alive) && waited >= DYING {
                return Err(runs_already(dir, launcher));
            }
            if waited >= LEFT_BEHIND_TIMEOUT {
                return Err(left_behind(dir));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        // Branches inherit the lock, so that it is held until the last of them has ended.
        let held = fcntl_setfd(&lock, FdFlags::empty()).map_err(io::Error::from);
        let written = held
            .and_then(|()| lock.set_len(0))
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(BankDir {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    /// Path of the directory.
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// Writes `founding.json`. This has to happen before the bank is founded, so that a founding that was cut short can
    /// be completed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_founding(&self, opening_balance: i64, branches: &[Branch], tls: bool) -> Result<(), LiveError> {
        let founding = Founding {
            opening_balance,
            branches: addresses(branches)?,
            tls,
        };
        let path = self.dir.join(FOUNDING_FILE);
        // Numbers and addresses can always be written.
        let mut text = serde_json::to_string_pretty(&founding).unwrap_or_default();
        text.push('\n');
        let written = durable_file::replace(&path, text.as_bytes(), Durability::Host);
        written.map_err(LiveError::io(path.display()))
    }
}

/// Looks at the content of a bank's directory. A directory that does not exist holds nothing.
///
/// # Errors
/// A file in it is damaged, or the directory holds something that is not a bank.
pub(super) fn inspect(dir: &Path) -> Result<Content, LiveError> {
    let founding = read_founding(dir)?;
    let bank = dir.join(BANK_FILE);
    if bank.exists() {
        let bank = BankFile::load(&bank).map_err(|error| LiveError::Failed(error.to_string()))?;
        return Ok(Content::Bank(bank, founding));
    }
    if let Some(founding) = founding {
        return Ok(Content::Begun(founding));
    }
    match foreign_file(dir)? {
        None => Ok(Content::Empty),
        Some(name) => Err(LiveError::Usage(format!(
            "{} holds no live bank but something else ({name}); name a new directory with --dir",
            dir.display()
        ))),
    }
}

fn read_founding(dir: &Path) -> Result<Option<Founding>, LiveError> {
    let path = dir.join(FOUNDING_FILE);
    let text = match durable_file::read_bounded(&path, FOUNDING_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LiveError::io(path.display())(error)),
    };
    let founding = serde_json::from_slice(&text);
    founding
        .map(Some)
        .map_err(|error| LiveError::io(path.display())(error.into()))
}

/// Finds a file that `launcher up` does not write before it founds a bank. Books count as such a file: they belong to a
/// bank.
fn foreign_file(dir: &Path) -> Result<Option<String>, LiveError> {
    let failed = |source| LiveError::io(dir.display())(source);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let branch = name.starts_with("branch-") && !entry.path().join("data/journal").exists();
        // Hidden files may belong to the operating system.
        let ours = [BANK_LOCK_FILE, LOG_FILE, SECRET_FILE, CERTS_DIR].contains(&name.as_str());
        if !branch && !ours && !name.starts_with('.') {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The numbers of the branches that have a directory in the bank's directory, in order.
pub(super) fn branch_dirs(dir: &Path) -> Vec<u32> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut branches: Vec<u32> = entries.filter_map(|entry| branch_of(&entry.file_name())).collect();
    branches.sort_unstable();
    branches
}

/// The branch whose directory has this name. `None` for any other name.
fn branch_of(name: &OsStr) -> Option<u32> {
    let number = name.to_str()?.strip_prefix("branch-")?;
    number.parse().ok().filter(|branch: &u32| branch.to_string() == number)
}

/// Lists the addresses of the branches.
///
/// # Errors
/// A branch is not on this host's loopback interface.
pub(super) fn addresses(branches: &[Branch]) -> Result<BTreeMap<u32, SocketAddr>, LiveError> {
    let here = |one: &Branch| {
        let address = one.address.as_str().parse::<SocketAddr>().ok();
        let address = address.filter(|address| address.ip().is_loopback());
        address.map(|address| (one.branch, address)).ok_or_else(|| {
            LiveError::Usage(format!(
                "branch {} of this bank is at {}, not on this host's loopback: it is no live bank of a launcher",
                one.branch, one.address
            ))
        })
    };
    branches.iter().map(here).collect()
}

/// The command line of a `launcher` command for the bank in this directory.
pub(super) fn command(words: &str, dir: &Path) -> String {
    if dir == Path::new(DEFAULT_DIR) {
        format!("launcher {words}")
    } else {
        format!("launcher {words} --dir {}", crate::terminal::format::shell_word(dir))
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Reads the process id in a lock file. `None` if it is not written yet.
fn holder(lock: &mut File) -> Option<Pid> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(20).read_to_string(&mut text).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

fn is_alive(process: Pid) -> bool {
    rustix::process::test_kill_process(process) != Err(Errno::SRCH)
}

fn runs_already(dir: &Path, launcher: Option<Pid>) -> LiveError {
    let launcher = launcher.map_or("just starting".to_owned(), |pid| {
        format!("process {}", pid.as_raw_nonzero())
    });
    LiveError::Failed(format!(
        "the bank in {} runs already: its launcher is {launcher}; see it with: {}",
        dir.display(),
        command("status", dir)
    ))
}

/// The error for a branch that outlives its launcher. It names the branch if it can be found.
fn left_behind(dir: &Path) -> LiveError {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let held = entries.filter_map(|entry| {
        let mut lock = File::options()
            .read(true)
            .write(true)
            .open(entry.path().join("data/LOCK"))
            .ok()?;
        let pid = holder(&mut lock)?.as_raw_nonzero();
        let name = entry.file_name().to_string_lossy().replace("branch-", "branch ");
        lock.try_lock()
            .is_err()
            .then(|| format!("{name} still runs, as process {pid}; stop it with: kill -9 {pid}"))
    });
    let which = held
        .min()
        .unwrap_or_else(|| "one of its branches still runs".to_owned());
    LiveError::Failed(format!(
        "the launcher of the bank in {} is gone, but {which}",
        dir.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn founding() -> Founding {
        let branches = [(1, "127.0.0.1:4001"), (2, "127.0.0.1:4002")];
        let branches = branches.map(|(branch, address)| (branch, address.parse().expect("an address")));
        Founding {
            opening_balance: 7,
            branches: branches.into(),
            tls: false,
        }
    }

    #[tokio::test]
    async fn one_launcher_locks_it_and_its_content_is_recognised() {
        let dir = tempfile::tempdir().expect("a directory");
        let bank_dir = BankDir::lock(dir.path()).await.expect("free");
        let refused = BankDir::lock(dir.path()).await.expect_err("taken").to_string();
        let pid = format!("process {}", std::process::id());
        assert!(
            refused.contains(&pid) && refused.contains("launcher status --dir"),
            "{refused}"
        );
        // A start that was cut short leaves this.
        fs::create_dir_all(dir.path().join("branch-1/data")).expect("made");
        assert!(matches!(inspect(dir.path()), Ok(Content::Empty)));
        let branch = |branch: u32, address: &str| Branch {
            branch,
            address: address.parse().expect("an address"),
        };
        let branches = vec![branch(1, "127.0.0.1:4001"), branch(2, "127.0.0.1:4002")];
        bank_dir.write_founding(7, &branches, false).expect("written");
        assert!(matches!(inspect(dir.path()), Ok(Content::Begun(begun)) if begun == founding()));
        let bank = BankFile::new(uuid::Uuid::from_u128(7), branches).expect("a bank");
        bank.save(&dir.path().join(BANK_FILE)).expect("saved");
        assert!(
            matches!(inspect(dir.path()), Ok(Content::Bank(found, Some(begun))) if found == bank && begun == founding())
        );
        assert!(addresses(&[branch(1, "10.0.0.1:4001")]).is_err());
    }

    #[test]
    fn a_directory_of_something_else_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("thesis.txt"), "x").expect("written");
        let refused = inspect(dir.path()).expect_err("something else");
        assert!(refused.to_string().contains("thesis.txt"), "{refused}");
        assert_eq!(refused.exit_code(), 2);
        fs::remove_file(dir.path().join("thesis.txt")).expect("removed");
        fs::create_dir_all(dir.path().join("branch-1/data/journal")).expect("made");
        let refused = inspect(dir.path()).expect_err("books without a bank").to_string();
        assert!(refused.contains("branch-1"), "{refused}");
        for damaged in ["", "{}", "{\"opening_balance\":0,\"branches\":{\"1\":\"nowhere\"}}"] {
            fs::write(dir.path().join(FOUNDING_FILE), damaged).expect("written");
            let refused = inspect(dir.path()).expect_err(damaged).to_string();
            assert!(refused.contains(FOUNDING_FILE), "{refused}");
        }
    }

    #[tokio::test]
    async fn branches_that_are_left_behind_are_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let lock = open_lock(&dir.path().join(BANK_LOCK_FILE)).expect("made");
        lock.lock().expect("locked");
        // The process id of a launcher that has ended.
        let mut launcher = std::process::Command::new("true").spawn().expect("true runs");
        fs::write(dir.path().join(BANK_LOCK_FILE), launcher.id().to_string()).expect("written");
        launcher.wait().expect("ended");
        let (bank_dir, ()) = tokio::join!(BankDir::lock(dir.path()), async {
            tokio::task::yield_now().await;
            drop(lock);
        });
        let _bank_dir = bank_dir.expect("gone");
        // The next error names this launcher, not the old one.
        let refused = BankDir::lock(dir.path()).await.expect_err("taken").to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
    }
}
