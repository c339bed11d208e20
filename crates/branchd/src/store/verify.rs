//! Checks the books at the start, as far as a bounded time goes: rows against each other, newest entries first, then
//! accounts, then SQLite's own check of the file's pages. Small books are checked whole within milliseconds. The log says
//! what was not reached.

use std::path::Path;
use std::time::{Duration, Instant};

use bank_ledger::Position;
use rusqlite::{Connection, ErrorCode};

use super::error::{BooksError, Fault};
use super::links::Links;
use super::rows;

/// How long each part may take: a second in all, which a start of large books can bear.
const ENTRIES_TIME: Duration = Duration::from_millis(500);
const ACCOUNTS_TIME: Duration = Duration::from_millis(250);
const PAGES_TIME: Duration = Duration::from_millis(250);

/// How many steps of SQLite's machine pass between two looks at the clock: well under a millisecond of them.
const STEPS_BETWEEN_LOOKS: i32 = 4096;
/// How many rows pass between two looks at the clock.
const ROWS_BETWEEN_LOOKS: usize = 64;

/// How far the checks came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached {
    /// Every entry from this position on; `None`: all.
    pub(super) entries_from: Option<Position>,
    /// Accounts by name up to this one; `None`: all.
    pub(super) accounts_to: Option<String>,
    /// Every page of the file.
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

/// Checks the books, for about a second at the most.
///
/// # Errors
/// [`BooksError::Damaged`], naming table and row; others where the file cannot be read.
pub(super) fn verify(connection: &mut Connection, path: &Path) -> Result<Reached, BooksError> {
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

/// Every other so many rows, whether the time is over.
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

/// Newest first: what each left against what was there before it.
fn entries(connection: &Connection) -> Result<Option<Position>, Fault> {
    let mut budget = Budget::new(ENTRIES_TIME);
    let mut links = Links::new(connection)?;
    let mut statement = connection.prepare(&format!(
        "SELECT {} FROM entries ORDER BY position DESC",
        rows::ENTRY_COLUMNS
    ))?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let entry = rows::entry(row)?;
        let (first, second) = entry.command.action.accounts();
        links.check_leg(&entry, &first, entry.account)?;
        if let (Some(second), Some(leg)) = (second, entry.counter_account) {
            links.check_leg(&entry, &second, leg)?;
        }
        if budget.is_over() {
            return Ok(Some(entry.position));
        }
    }
    Ok(None)
}

/// By name: each against its newest entry.
fn accounts(connection: &Connection) -> Result<Option<String>, Fault> {
    let mut budget = Budget::new(ACCOUNTS_TIME);
    let mut links = Links::new(connection)?;
    let mut statement = connection.prepare("SELECT name, balance, last_entry FROM accounts ORDER BY name")?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let (name, account) = rows::account(row)?;
        links.check_account(&name, account)?;
        if budget.is_over() {
            return Ok(Some(name.to_string()));
        }
    }
    Ok(None)
}

/// SQLite's own check of trees, pages and indexes; `false`: the time was over first.
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
