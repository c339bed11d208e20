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
            "{} entries, {} accounts, {} refusals; the entries up to position {} have the head {}",
            rows.entries, rows.accounts, rows.refusals, rows.position, rows.head
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
    let segments = checked.segments;
    match (checked.bounds.first_index, checked.bounds.last_index) {
        (Some(first), Some(last)) => format!("{segments} segments, entries {first} to {last}"),
        _ => format!("{segments} segments, no entries"),
    }
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
