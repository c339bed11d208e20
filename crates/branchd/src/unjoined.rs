//! Cleans a data directory that names no bank but has a write-ahead log or a ledger database. Either an adoption did
//! not finish, or `branch.json` was damaged. The files are removed only if they show that the branch cannot have
//! acknowledged anything.

use std::fs;
use std::io;
use std::path::Path;

use bank_wal::{OpenError, Options, Wal};
use uuid::Uuid;

use crate::branch_error::BranchError;
use crate::directory::{DataDirectory, DataDirectoryError};
use crate::store;

/// Removes what an unfinished adoption has left. A branch acknowledges something only after its `branch.json` names the
/// bank, so the write-ahead log and the ledger database of an unfinished adoption are empty.
///
/// # Errors
/// The files hold data, or cannot be read or removed. Files that hold data are unchanged, and the branch must not start.
pub(crate) fn clear(directory: &DataDirectory) -> Result<(), BranchError> {
    let (wal_path, ledger_path) = (directory.journal(), directory.ledger());
    let (has_wal, has_ledger) = (wal_path.exists(), ledger_path.exists());
    if !has_wal && !has_ledger {
        return Ok(());
    }
    let refused = |why: String| {
        let path = directory.path().join("branch.json");
        let why = format!("it names no bank, but {why}");
        BranchError::Directory(DataDirectoryError::Damaged { path, why })
    };
    let held = if has_ledger {
        store::inspect(&ledger_path)?
    } else {
        None
    };
    if let Some(held) = held.filter(|held| held.position > 0 || held.has_applied) {
        let bank = Uuid::from_bytes(held.bank_id);
        return Err(refused(format!(
            "ledger.db holds the books of bank {bank} at position {}",
            held.position
        )));
    }
    let stamp = held.map(|held| directory.wal_stamp(Uuid::from_bytes(held.bank_id)));
    if has_wal && !is_unused(&wal_path, stamp)? {
        return Err(refused("its journal holds records of a bank".to_owned()));
    }
    directory.remove_unjoined()?;
    Ok(())
}

/// Whether a write-ahead log has never held an entry or a state. `stamp` is the stamp of its owner, if the ledger
/// database tells it.
fn is_unused(dir: &Path, stamp: Option<[u8; 16]>) -> Result<bool, OpenError> {
    let options = || Options {
        must_exist: true,
        accept_copy: true,
        ..Default::default()
    };
    let known = stamp.is_some();
    let opened = match Wal::open(dir, stamp.unwrap_or_default(), options()) {
        // The file itself tells the stamp of its owner.
        Err(OpenError::OtherOwner { found, .. }) if !known => Wal::open(dir, found, options()),
        other => other,
    };
    match opened {
        Ok(wal) => {
            let empty = wal.bounds() == Default::default();
            Ok(empty && (0..=u8::MAX).all(|slot| wal.state(slot).is_none()))
        }
        // The creation of the log did not finish. The files can be read only with the owner's stamp. Without the stamp
        // they must be empty.
        Err(OpenError::Absent { .. }) => Ok(known || holds_no_files(dir).map_err(reading(dir))?),
        Err(error) => Err(error),
    }
}

fn holds_no_files(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        if entry?.metadata()?.len() > 64 {
            // A small file is allowed, because the lock file holds a process id.
            return Ok(false);
        }
    }
    Ok(true)
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io {
        what: "reading",
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::BooksFile;

    fn directory(at: &tempfile::TempDir) -> DataDirectory {
        DataDirectory::open(at.path(), 1).expect("a directory")
    }

    fn open_wal(directory: &DataDirectory, bank: Uuid) -> Wal {
        Wal::open(&directory.journal(), directory.wal_stamp(bank), Options::default()).expect("a journal")
    }

    #[test]
    fn what_a_cut_short_adoption_left_is_removed() {
        let bank = Uuid::new_v4();
        type Leave = fn(&DataDirectory, Uuid);
        let left: [Leave; 4] = [
            |_, _| (),
            |directory, _| fs::create_dir(directory.journal()).expect("made"),
            |directory, bank| drop(open_wal(directory, bank)),
            |directory, bank| {
                drop(open_wal(directory, bank));
                BooksFile::open(&directory.ledger(), *bank.as_bytes()).expect("books");
            },
        ];
        for leave in left {
            let at = tempfile::tempdir().expect("a directory");
            let directory = directory(&at);
            leave(&directory, bank);
            clear(&directory).expect("nothing was promised");
            assert!(!directory.journal().exists() && !directory.ledger().exists());
        }
    }

    #[test]
    fn a_journal_or_books_that_hold_something_stay() {
        let bank = Uuid::new_v4();
        type Leave = fn(&DataDirectory, Uuid);
        let left: [(Leave, &str); 3] = [
            (
                |directory, bank| {
                    let (mut books, _) = BooksFile::open(&directory.ledger(), *bank.as_bytes()).expect("books");
                    books.apply(vec![], vec![1], None).expect("applied");
                },
                "ledger.db holds the books of bank",
            ),
            (
                |directory, bank| {
                    let wal = open_wal(directory, bank);
                    wal.put_state(1, vec![1].into(), |_| ()).expect("taken");
                    wal.close().expect("closed");
                },
                "its journal holds records",
            ),
            (
                |directory, _| fs::write(directory.ledger(), "neither blank nor books".repeat(500)).expect("written"),
                "ledger.db",
            ),
        ];
        for (leave, words) in left {
            let at = tempfile::tempdir().expect("a directory");
            let directory = directory(&at);
            leave(&directory, bank);
            let error = clear(&directory).expect_err("it may have been promised on");
            assert!(error.to_string().contains(words), "{error}");
            assert!(directory.journal().exists() || directory.ledger().exists());
        }
    }
}
