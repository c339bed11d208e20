//! Verification of a ledger database: for a bounded time at a start, and of a whole snapshot before it is installed.
//!
//! At a start the rows are checked against each other, newest entries first, then the accounts, then the pages of the
//! file by SQLite's own check. A small database is checked completely within milliseconds. The log says what was not
//! reached.

use std::path::Path;
use std::time::{Duration, Instant};

use bank_ledger::Position;
use rusqlite::{Connection, ErrorCode};

use super::applied_state::AppliedState;
use super::error::{BooksError, Fault};
use super::links;
use super::lookups::Lookups;
use super::rows;
use super::schema::{self, Stored};

/// How long the check of the entries may take. All checks together take at most about a second, which is acceptable at
/// a start.
const ENTRIES_TIME: Duration = Duration::from_millis(500);
/// How long the check of the accounts may take.
const ACCOUNTS_TIME: Duration = Duration::from_millis(250);
/// How long the check of the pages may take.
const PAGES_TIME: Duration = Duration::from_millis(250);

/// The number of steps of SQLite's virtual machine between two looks at the clock. They take much less than a
/// millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 4096;
/// The number of rows between two looks at the clock.
const ROWS_BETWEEN_LOOKS: usize = 64;

/// How far the checks at a start came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached {
    /// The lowest position down to which the entries were checked. `None`: all entries were checked.
    pub(super) entries_from: Option<Position>,
    /// The last name up to which the accounts were checked. `None`: all accounts were checked.
    pub(super) accounts_to: Option<String>,
    /// Whether all pages of the file were checked.
    pub(super) pages: bool,
}

impl Reached {
    fn log(&self, path: &Path) {
        if self.entries_from.is_none() && self.accounts_to.is_none() && self.pages {
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
        let pages = if self.pages { "all pages" } else { "not all pages" };
        tracing::info!(%books, "the books were checked for a second: {entries}; {accounts}; {pages} of the file");
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
    let source = schema::open_reader(incoming).map_err(|fault| fault.at(incoming, "opening the incoming books"))?;
    Ok(verify_whole(&source, incoming, bank_id)?.applied_state)
}

/// Verifies the marks, all pages and the state of an open snapshot.
///
/// # Errors
/// As for [`verify_snapshot`].
pub(super) fn verify_whole(source: &Connection, incoming: &Path, bank_id: [u8; 16]) -> Result<Stored, BooksError> {
    let stored = schema::examine(source, incoming, bank_id)?;
    let found: String = source
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|error| Fault::from(error).at(incoming, "checking the incoming books"))?;
    if found != "ok" {
        return Err(Fault::Damaged(found).at(incoming, "checking the incoming books"));
    }
    Ok(stored)
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

/// Checks entries against the entries before them, newest first. Returns the position of the last checked entry if the
/// time ran out.
fn entries(connection: &Connection) -> Result<Option<Position>, Fault> {
    let mut budget = Budget::new(ENTRIES_TIME);
    let mut lookups = Lookups::new(connection)?;
    let mut statement = connection.prepare(&format!(
        "SELECT {} FROM entries ORDER BY position DESC",
        rows::ENTRY_COLUMNS
    ))?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let entry = rows::entry(row)?;
        let (first, second) = entry.command.action.accounts();
        links::check_leg(&mut lookups, &entry, &first, entry.account)?;
        if let (Some(second), Some(leg)) = (second, entry.counter_account) {
            links::check_leg(&mut lookups, &entry, &second, leg)?;
        }
        if budget.is_over() {
            return Ok(Some(entry.position));
        }
    }
    Ok(None)
}

/// Checks accounts against their newest entries, by name. Returns the last checked name if the time ran out.
fn accounts(connection: &Connection) -> Result<Option<String>, Fault> {
    let mut budget = Budget::new(ACCOUNTS_TIME);
    let mut lookups = Lookups::new(connection)?;
    let mut statement = connection.prepare("SELECT name, balance, last_entry FROM accounts ORDER BY name")?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let (name, account) = rows::account(row)?;
        links::check_account(&mut lookups, &name, account)?;
        if budget.is_over() {
            return Ok(Some(name.to_string()));
        }
    }
    Ok(None)
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
