//! `branchd verify`: checks the files of a branch that does not run.

use std::time::{Duration, Instant};

use bank_ledger::{ChainHead, Position};
use bank_wal::{Checked, OpenError};
use serde_json::{Value, json};

use super::failure::{FAILED, Failure, REFUSED, USAGE};
use super::output::print;
use crate::args::VerifyArguments;
use crate::directory::{DataDirectory, DataDirectoryError};
use crate::replication::fit;
use crate::store::{BooksError, OfflineBooks};

/// The exit code if something could not be checked.
const UNCHECKED: u8 = REFUSED;

/// What a check found.
enum Finding {
    /// Nothing is wrong. The text says what was checked.
    Sound(String),
    Damaged(String),
    /// It could not be checked.
    Unchecked(String),
}

/// One line of the result.
struct Line {
    check: &'static str,
    finding: Finding,
    took: Duration,
}

/// Checks the files of a data directory, and prints what was checked.
///
/// # Errors
/// Exit code 1 if something is damaged or the given head is wrong, 2 if there is no data directory, 3 if something could not
/// be checked.
pub(super) fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let directory = DataDirectory::open_existing(&arguments.data).map_err(|error| {
        let code = match &error {
            DataDirectoryError::Io { .. } => USAGE,
            DataDirectoryError::BooksDiffer(_) | DataDirectoryError::Damaged { .. } => FAILED,
            _ => UNCHECKED,
        };
        Failure::new(code, error)
    })?;
    let Some(bank_id) = directory.bank_id() else {
        let path = directory.path().display();
        let why = format!("{path} belongs to a branch that has no bank yet: there is nothing to check");
        return Err(Failure::new(UNCHECKED, why));
    };
    let lines = check_all(&directory, *bank_id.as_bytes(), arguments.head);
    let text = if arguments.json {
        let object = json!({
            "data": directory.path(),
            "branch": directory.branch(),
            "bank_id": bank_id,
            "sound": lines.iter().all(|line| matches!(line.finding, Finding::Sound(_))),
            "checks": lines.iter().map(as_json).collect::<Vec<_>>(),
        });
        format!("{object}\n")
    } else {
        lines.iter().map(as_text).collect()
    };
    print(&text)?;
    conclude(&lines)
}

fn conclude(lines: &[Line]) -> Result<(), Failure> {
    let damaged = lines.iter().find_map(|line| match &line.finding {
        Finding::Damaged(what) => Some(Failure::new(FAILED, what)),
        _ => None,
    });
    let unchecked = lines.iter().find_map(|line| match &line.finding {
        Finding::Unchecked(what) => Some(Failure::new(UNCHECKED, what)),
        _ => None,
    });
    damaged.or(unchecked).map_or(Ok(()), Err)
}

fn check_all(directory: &DataDirectory, bank_id: [u8; 16], head: Option<(Position, ChainHead)>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut check = |check: &'static str, run: &mut dyn FnMut() -> Finding| {
        let begun = Instant::now();
        let finding = run();
        let took = begun.elapsed();
        lines.push(Line { check, finding, took });
    };
    let mut journal = None;
    check("journal", &mut || match check_journal(directory, bank_id) {
        Ok(checked) => {
            let finding = Finding::Sound(describe(&checked));
            journal = Some(checked);
            finding
        }
        Err(error) => of_journal(&error),
    });
    let ledger = directory.ledger();
    let mut books = None;
    check("books", &mut || match OfflineBooks::open(&ledger, bank_id) {
        Ok(opened) => {
            books = Some(opened);
            Finding::Sound("bank, format and layout".to_owned())
        }
        Err(error) => of_books(&error),
    });
    let Some(books) = books else { return lines };
    check("pages", &mut || match books.check_pages() {
        Ok(()) => Finding::Sound("all pages, trees and indexes".to_owned()),
        Err(error) => of_books(&error),
    });
    check("rows", &mut || match books.check_rows() {
        Ok(rows) => Finding::Sound(format!(
            "{}, {}, {}; the entries up to position {} have the head {}",
            counted(rows.entries, "entry", "entries"),
            counted(rows.accounts, "account", "accounts"),
            counted(rows.refusals, "refusal", "refusals"),
            rows.position,
            rows.head
        )),
        Err(error) => of_books(&error),
    });
    if let Some(journal) = journal {
        check("fit", &mut || match fit::check(&journal.bounds, &books.applied_state) {
            Ok(Some(applied)) => Finding::Sound(format!("the books have applied the journal up to entry {applied}")),
            Ok(None) => Finding::Sound("the books have applied nothing yet".to_owned()),
            Err(misfit) => Finding::Damaged(misfit.to_string()),
        });
    }
    if let Some((position, head)) = head {
        check("head", &mut || match books.head_at(position) {
            Ok(Some(found)) if found == head => Finding::Sound(format!("it stood at position {position}")),
            Ok(Some(found)) => Finding::Damaged(format!(
                "the head {head} did not stand at position {position}: the entries up to there have the head {found}"
            )),
            Ok(None) => Finding::Unchecked(format!(
                "the books do not reach position {position}: ask another branch"
            )),
            Err(error) => of_books(&error),
        });
    }
    lines
}

fn check_journal(directory: &DataDirectory, bank_id: [u8; 16]) -> Result<Checked, OpenError> {
    let stamp = directory.wal_stamp(uuid::Uuid::from_bytes(bank_id));
    // A copy of a directory can be checked as well. Whether it is an old one, the files cannot say.
    let options = bank_wal::Options {
        must_exist: true,
        accept_copy: true,
        ..Default::default()
    };
    bank_wal::check(&directory.journal(), stamp, &options)
}

fn describe(checked: &Checked) -> String {
    let segments = counted(checked.segments as u64, "segment", "segments");
    match (checked.bounds.first_index, checked.bounds.last_index) {
        (Some(first), Some(last)) => format!("{segments}, entries {first} to {last}"),
        _ => format!("{segments}, no entries"),
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn of_journal(error: &OpenError) -> Finding {
    match error {
        OpenError::Options(_) | OpenError::Locked { .. } | OpenError::OtherFormat { .. } | OpenError::Io { .. } => {
            Finding::Unchecked(error.to_string())
        }
        _ => Finding::Damaged(error.to_string()),
    }
}

fn of_books(error: &BooksError) -> Finding {
    match error {
        BooksError::Damaged { .. } | BooksError::NotBooks { .. } | BooksError::OtherBank { .. } => {
            Finding::Damaged(error.to_string())
        }
        _ => Finding::Unchecked(error.to_string()),
    }
}

fn as_text(line: &Line) -> String {
    let found = match &line.finding {
        Finding::Sound(what) => format!("sound    {what}"),
        Finding::Damaged(what) => format!("DAMAGED  {what}"),
        Finding::Unchecked(what) => format!("not checked: {what}"),
    };
    format!("{:<8} {:>7.2} s  {found}\n", line.check, line.took.as_secs_f64())
}

fn as_json(line: &Line) -> Value {
    let (result, text) = match &line.finding {
        Finding::Sound(what) => ("sound", what),
        Finding::Damaged(what) => ("damaged", what),
        Finding::Unchecked(what) => ("not checked", what),
    };
    json!({ "check": line.check, "result": result, "text": text, "seconds": line.took.as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::BooksFile;
    use bank_ledger::{Action, Command, RequestId};
    use bank_proto::v1;
    use bank_wal::{Options, Wal};
    use prost::Message;
    use uuid::Uuid;

    /// Makes the data directory of a branch that has opened its bank and was stopped.
    fn make(path: &std::path::Path) {
        let (directory, bank) = (DataDirectory::open(path, 2).expect("a directory"), Uuid::new_v4());
        directory.join(bank).expect("a bank");
        let wal = Wal::open(&directory.journal(), directory.wal_stamp(bank), Options::default()).expect("a journal");
        wal.append(vec![(0, vec![7; 50].into())], |_| ()).expect("taken");
        wal.close().expect("closed");
        let applied = v1::LogId {
            leader_id: Some(v1::LeaderId { term: 1, replica: 7 }),
            index: 0,
        };
        let (mut books, _) = BooksFile::open(&directory.ledger(), *bank.as_bytes()).expect("books");
        let found = Command {
            request_id: RequestId([1; 16]),
            time_us: 5,
            action: Action::Found { opening_balance: 100 },
        };
        books
            .apply(vec![found], applied.encode_to_vec(), None)
            .expect("applied");
    }

    fn verified(data: &std::path::Path, head: Option<(Position, ChainHead)>) -> Result<(), Failure> {
        let data = data.to_owned();
        let json = true;
        verify(&VerifyArguments { data, head, json })
    }

    #[test]
    fn the_exit_code_says_whether_the_directory_is_sound() {
        let at = tempfile::tempdir().expect("a directory");
        assert_eq!(verified(&at.path().join("none"), None).expect_err("absent").code, USAGE);
        make(at.path());
        verified(at.path(), None).expect("sound");
        verified(at.path(), Some((0, ChainHead::default()))).expect("the head of no entries");
        let wrong = verified(at.path(), Some((1, ChainHead::default()))).expect_err("another head");
        assert!(
            wrong.code == FAILED && wrong.message.contains("did not stand"),
            "{wrong:?}"
        );
        let early = verified(at.path(), Some((2, ChainHead::default()))).expect_err("not so far");
        assert_eq!(early.code, UNCHECKED);

        let running = DataDirectory::open(at.path(), 2).expect("a branch");
        assert_eq!(verified(at.path(), None).expect_err("in use").code, UNCHECKED);
        drop(running);

        let path = at.path().join("ledger.db");
        let mut bytes = std::fs::read(&path).expect("read");
        let end = bytes
            .windows(4)
            .rposition(|window| window == b"main")
            .expect("a row of main");
        bytes[end] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        let damaged = verified(at.path(), None).expect_err("damaged");
        assert!(
            damaged.code == FAILED && damaged.message.contains("ledger.db"),
            "{damaged:?}"
        );
    }
}
