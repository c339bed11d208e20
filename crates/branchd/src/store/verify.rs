//! Verification of a ledger database: for a bounded time at a start, and of a whole snapshot before it is installed.
//!
//! At a start the rows are checked by themselves, against each other and against the totals in the state: the entries, then
//! the accounts, the refusals, and the pages of the file by SQLite's own check. A small database is checked completely
//! within milliseconds. In a large one the newest entries come first. The log says what was not reached.

use std::path::Path;
use std::time::{Duration, Instant};

use bank_ledger::Position;
use rusqlite::{Connection, ErrorCode};

use super::applied_state::AppliedState;
use super::audit::{self, AccountsAudit, Depth, EntriesAudit, RefusalsAudit, Step};
use super::error::{BooksError, Fault};
use super::links;
use super::lookups::Lookups;
use super::older;
use super::rows;
use super::schema;
use super::state_row::StateRow;

/// How long the check of the entries may take. All checks together take at most about a second, which is acceptable at
/// a start.
const ENTRIES_TIME: Duration = Duration::from_millis(500);
/// How long the check of the accounts may take.
const ACCOUNTS_TIME: Duration = Duration::from_millis(250);
/// How long the check of the refusals may take.
const REFUSALS_TIME: Duration = Duration::from_millis(100);
/// How long the check of the pages may take.
const PAGES_TIME: Duration = Duration::from_millis(250);
/// The most entries that are all checked at a start, with their chain. They take less time than [`ENTRIES_TIME`].
const ENTRIES_WITH_CHAIN_MAX: u64 = 30_000;

/// The number of steps of SQLite's virtual machine between two looks at the clock. They take much less than a
/// millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 4096;
/// The number of rows between two looks at the clock.
const ROWS_BETWEEN_LOOKS: usize = 64;
/// The number of rows in one step of a check.
const ROWS_PER_STEP: usize = 256;

/// How far the checks at a start came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached {
    /// The lowest position down to which the entries were checked. `None`: all entries were checked.
    pub(super) entries_from: Option<Position>,
    /// The last name up to which the accounts were checked. `None`: all accounts were checked.
    pub(super) accounts_to: Option<String>,
    /// Whether all refusals were checked.
    pub(super) refusals: bool,
    /// Whether all pages of the file were checked.
    pub(super) pages: bool,
}

impl Reached {
    fn log(&self, path: &Path) {
        if self.entries_from.is_none() && self.accounts_to.is_none() && self.refusals && self.pages {
            return;
        }
        let books = path.display();
        let entries = match self.entries_from {
            None => "all entries".to_owned(),
            Some(position) => format!("the entries from position {position} on, none before"),
        };
        let accounts = match &self.accounts_to {
            None => "all accounts".to_owned(),
            Some(name) => format!("the accounts up to {name:?}, none after"),
        };
        let refusals = if self.refusals {
            "all refusals"
        } else {
            "not all refusals"
        };
        let pages = if self.pages { "all pages" } else { "not all pages" };
        tracing::info!(%books, "the books were checked for a second: {entries}; {accounts}; {refusals}; {pages} of the file");
    }
}

/// Checks the database for at most about a second.
///
/// # Errors
/// [`BooksError::Damaged`], which names table and row; another error if the file cannot be read.
pub(super) fn verify_at_start(connection: &mut Connection, path: &Path) -> Result<Reached, BooksError> {
    let checked = || -> Result<Reached, Fault> {
        Ok(Reached {
            entries_from: entries(connection)?,
            accounts_to: accounts(connection)?,
            refusals: refusals(connection)?,
            pages: pages(connection)?,
        })
    };
    let reached = { checked }().map_err(|fault| fault.at(path, "checking the books at the start"))?;
    reached.log(path);
    Ok(reached)
}

/// Verifies a snapshot completely before it is installed, and returns the applied state that it holds.
///
/// # Errors
/// The snapshot belongs to another bank, has another format, is no ledger database, is damaged, or cannot be read.
pub(crate) fn verify_snapshot(incoming: &Path, bank_id: [u8; 16]) -> Result<AppliedState, BooksError> {
    older::convert_snapshot(incoming, bank_id)?;
    let source = schema::open_reader(incoming).map_err(|fault| fault.at(incoming, "opening the incoming books"))?;
    Ok(verify_whole(&source, incoming, bank_id)?.applied_state)
}

/// Verifies the marks, all pages, all indexes and all rows of an open snapshot.
///
/// # Errors
/// As for [`verify_snapshot`].
pub(super) fn verify_whole(source: &Connection, incoming: &Path, bank_id: [u8; 16]) -> Result<StateRow, BooksError> {
    let checking = |fault: Fault| fault.at(incoming, "checking the incoming books");
    let stored = schema::examine(source, incoming, bank_id)?;
    all_pages(source).map_err(checking)?;
    audit::whole(source, Depth::Rows).map_err(checking)?;
    Ok(stored)
}

/// Runs SQLite's complete check of pages, trees and indexes.
///
/// # Errors
/// [`Fault::Damaged`] with SQLite's words; another error if the file cannot be read.
pub(super) fn all_pages(connection: &Connection) -> Result<(), Fault> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(Fault::Damaged(found))
    }
}

/// Tells when the time for a check is over. It looks at the clock only once in [`ROWS_BETWEEN_LOOKS`] rows.
struct Budget {
    end: Instant,
    rows: usize,
}

impl Budget {
    fn new(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            rows: 0,
        }
    }

    fn is_over(&mut self) -> bool {
        self.rows += 1;
        self.rows.is_multiple_of(ROWS_BETWEEN_LOOKS) && Instant::now() >= self.end
    }
}

/// Checks the entries: all of them with their chain, or, if they are too many for the time, newest first. Returns the
/// position of the last checked entry if the time ran out.
fn entries(connection: &Connection) -> Result<Option<Position>, Fault> {
    if StateRow::read(connection)?.totals.entries > ENTRIES_WITH_CHAIN_MAX {
        return newest_entries(connection);
    }
    let mut audit = EntriesAudit::default();
    while audit.step(connection, Depth::Links, ROWS_PER_STEP)? == Step::More {}
    Ok(None)
}

fn newest_entries(connection: &Connection) -> Result<Option<Position>, Fault> {
    let mut budget = Budget::new(ENTRIES_TIME);
    let mut lookups = Lookups::new(connection)?;
    let mut statement = connection.prepare(&format!(
        "SELECT {} FROM entries ORDER BY position DESC",
        rows::ENTRY_COLUMNS
    ))?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let entry = rows::entry(row)?;
        links::check_entry(&mut lookups, &entry)?;
        if budget.is_over() {
            return Ok(Some(entry.position));
        }
    }
    Ok(None)
}

/// Checks the accounts, by name. Returns the last checked name if the time ran out.
fn accounts(connection: &Connection) -> Result<Option<String>, Fault> {
    let end = Instant::now() + ACCOUNTS_TIME;
    let mut audit = AccountsAudit::default();
    while audit.step(connection, Depth::Links, ROWS_PER_STEP)? == Step::More {
        if Instant::now() >= end {
            return Ok(audit.after().map(ToString::to_string));
        }
    }
    Ok(None)
}

/// Checks the refusals. `false`: the time ran out first.
fn refusals(connection: &Connection) -> Result<bool, Fault> {
    let end = Instant::now() + REFUSALS_TIME;
    let mut audit = RefusalsAudit::default();
    while audit.step(connection, Depth::Links, ROWS_PER_STEP)? == Step::More {
        if Instant::now() >= end {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs SQLite's own check of trees, pages and indexes. `false`: the time ran out first.
fn pages(connection: &mut Connection) -> Result<bool, Fault> {
    let end = Instant::now() + PAGES_TIME;
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() >= end))?;
    let found: Result<String, _> = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(found) if found == "ok" => Ok(true),
        Ok(found) => Err(Fault::Damaged(found)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
