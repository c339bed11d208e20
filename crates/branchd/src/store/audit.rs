//! Checks all rows of the ledger database, some at a time: their checksums, their links, and what they come to together.
//!
//! - Entries must give the head of the chain in the state, by way of the seals. The chain protects from alteration.
//! - Accounts must follow each other by their next names, and give the sum in the state. The sum notices rows that are sound
//!   by themselves and old, for example because an old page of the file was put back. It protects from accidents only.
//! - Refusals must have numbers without a gap.

use bank_ledger::{AccountName, ChainHead, Position, REFUSALS_REMEMBERED_MAX};
use rusqlite::{Connection, OptionalExtension as _};

use super::checksum;
use super::error::Fault;
use super::links;
use super::lookups::Lookups;
use super::row_writer::ENTRIES_PER_SEAL;
use super::rows::{self, Seal};
use super::state_row::StateRow;

/// How much is checked of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The row by itself, and all rows together. Rows are read in the order in which the file has them.
    Rows,
    /// In addition, the rows that it links to, and that the indexes lead to it.
    Links,
}

/// What a step has left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There are more rows.
    More,
    /// All rows of the table are checked.
    Done,
}

/// The check of the entries, in the order of their positions. Entries never change, so each step may see a newer state
/// than the one before it.
#[derive(Debug, Clone, Default)]
pub(super) struct EntriesAudit {
    after: Position,
    /// The number of entries that were checked.
    pub(super) entries: u64,
    head: ChainHead,
}

impl EntriesAudit {
    /// Checks at most `rows_max` more rows. The connection is in a transaction.
    ///
    /// # Errors
    /// [`Fault::Damaged`], which names table and row; another error if the file cannot be read.
    pub(super) fn step(&mut self, connection: &Connection, depth: Depth, rows_max: usize) -> Result<Step, Fault> {
        let mut lookups = Lookups::new(connection)?;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM entries WHERE position > ?1 ORDER BY position LIMIT ?2",
            rows::ENTRY_COLUMNS
        ))?;
        let mut found = statement.query((rows::stored(self.after)?, rows_max as i64))?;
        let mut count = 0;
        while let Some(row) = found.next()? {
            let entry = rows::entry(row)?;
            if depth == Depth::Links {
                links::check_entry(&mut lookups, &entry)?;
            }
            self.after = entry.position;
            self.entries += 1;
            self.head = self.head.after(&entry);
            if self.entries.is_multiple_of(ENTRIES_PER_SEAL) {
                self.check_seal(connection)?;
            }
            count += 1;
        }
        if count == rows_max {
            return Ok(Step::More);
        }
        self.check_totals(connection)?;
        Ok(Step::Done)
    }

    fn check_seal(&self, connection: &Connection) -> Result<(), Fault> {
        let expected = Seal {
            position: self.after,
            entries: self.entries,
            head: self.head,
        };
        let found = find_seal(connection, "WHERE position = ?1", self.after)?;
        if found == Some(expected) {
            return Ok(());
        }
        Err(Fault::Damaged(match found {
            None => format!("table seals, row {}: it is missing", self.after),
            Some(_) => format!(
                "table entries, the rows up to {}: they do not give the head that table seals has there: entries were \
                 changed, removed or added",
                self.after
            ),
        }))
    }

    fn check_totals(&self, connection: &Connection) -> Result<(), Fault> {
        let totals = StateRow::read(connection)?.totals;
        let (after, entries) = (self.after, self.entries);
        if (totals.newest_entry, totals.entries) != (after, entries) {
            return Err(Fault::Damaged(format!(
                "table entries, row {after}: the rows up to it are {entries}, and the state has {} up to {}",
                totals.entries, totals.newest_entry
            )));
        }
        if totals.head != self.head {
            return Err(Fault::Damaged(format!(
                "table entries, the rows up to {after}: they do not give the head in the state: entries were changed, \
                 removed or added"
            )));
        }
        let seals: i64 = connection.query_row("SELECT count(*) FROM seals", (), |row| row.get(0))?;
        if seals.unsigned_abs() == entries / ENTRIES_PER_SEAL {
            return Ok(());
        }
        Err(Fault::Damaged(format!(
            "table seals: it has {seals} rows, which do not fit {entries} entries"
        )))
    }
}

/// Finds a seal. `clause` is the end of the query, and `position` its parameter.
pub(super) fn find_seal(
    connection: &Connection,
    clause: &'static str,
    position: Position,
) -> Result<Option<Seal>, Fault> {
    let mut statement = connection.prepare_cached(&format!("SELECT {} FROM seals {clause}", rows::SEAL_COLUMNS))?;
    let found = statement
        .query_row([rows::stored(position)?], |row| Ok(rows::seal(row)))
        .optional()?;
    found.transpose()
}

/// The check of the accounts, in the order of their names.
#[derive(Debug, Clone, Default)]
pub(super) struct AccountsAudit {
    after: Option<AccountName>,
    /// The number of accounts that were checked.
    pub(super) accounts: u64,
    sum: u128,
    /// Whether the steps saw different states. Their sum then says nothing.
    pub(super) states_differ: bool,
}

impl AccountsAudit {
    /// The last name that was checked.
    pub(super) fn after(&self) -> Option<&AccountName> {
        self.after.as_ref()
    }

    /// Checks at most `rows_max` more rows. The connection is in a transaction. For the sum, all steps must be in the
    /// same one, or [`Self::states_differ`] must be set.
    ///
    /// # Errors
    /// As for [`EntriesAudit::step`].
    pub(super) fn step(&mut self, connection: &Connection, depth: Depth, rows_max: usize) -> Result<Step, Fault> {
        let after = self.after.clone();
        let more = links::accounts_after(connection, after.as_ref(), rows_max, |lookups, row| {
            if depth == Depth::Links {
                links::check_account(lookups, &row.name, row.account)?;
            }
            self.accounts += 1;
            self.sum = self.sum.wrapping_add(checksum::of_account(&row.name, row.account));
            self.after = Some(row.name);
            Ok(())
        })?;
        if more {
            return Ok(Step::More);
        }
        let totals = StateRow::read(connection)?.totals;
        if !self.states_differ && (totals.accounts, totals.accounts_sum) != (self.accounts, self.sum) {
            return Err(Fault::Damaged(format!(
                "table accounts: its {} rows do not give the sum of {} rows in the state: some of them are old",
                self.accounts, totals.accounts
            )));
        }
        Ok(Step::Done)
    }
}

/// The check of the remembered refusals, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct RefusalsAudit {
    after: i64,
    /// The number of refusals that were checked.
    pub(super) refusals: u64,
}

impl RefusalsAudit {
    /// Checks at most `rows_max` more rows. The connection is in a transaction.
    ///
    /// # Errors
    /// As for [`EntriesAudit::step`].
    pub(super) fn step(&mut self, connection: &Connection, depth: Depth, rows_max: usize) -> Result<Step, Fault> {
        let newest = StateRow::read(connection)?.totals.newest_refusal;
        let forgotten = (newest - REFUSALS_REMEMBERED_MAX as i64).max(0);
        // Refusals that were remembered at the step before may be forgotten since.
        self.after = self.after.max(forgotten);
        let mut lookups = Lookups::new(connection)?;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM refusals WHERE number > ?1 ORDER BY number LIMIT ?2",
            rows::REFUSAL_COLUMNS
        ))?;
        let mut found = statement.query((self.after, rows_max as i64))?;
        let mut count = 0;
        while let Some(row) = found.next()? {
            let row = rows::refused(row)?;
            if row.number != self.after + 1 {
                return Err(missing_refusal(self.after + 1));
            }
            if depth == Depth::Links && lookups.refusal_by_id(&row.request_id)?.as_ref() != Some(&row) {
                return Err(Fault::Damaged(format!(
                    "table refusals, row {}: its index does not lead to it",
                    row.number
                )));
            }
            self.after = row.number;
            self.refusals += 1;
            count += 1;
        }
        if count == rows_max {
            return Ok(Step::More);
        }
        if self.after < newest {
            return Err(missing_refusal(newest));
        }
        Ok(Step::Done)
    }
}

fn missing_refusal(number: i64) -> Fault {
    Fault::Damaged(format!("table refusals, row {number}: it is missing"))
}

/// The rows that were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Audited {
    /// The position of the state.
    pub(crate) position: Position,
    /// The head of the chain of entries at that position.
    pub(crate) head: ChainHead,
    /// The number of entries.
    pub(crate) entries: u64,
    /// The number of accounts.
    pub(crate) accounts: u64,
    /// The number of refusals.
    pub(crate) refusals: u64,
}

/// Checks all rows. The connection is in a transaction.
///
/// # Errors
/// As for [`EntriesAudit::step`].
pub(super) fn whole(connection: &Connection, depth: Depth) -> Result<Audited, Fault> {
    let state = StateRow::read(connection)?;
    let (mut entries, mut accounts, mut refusals) = Default::default();
    EntriesAudit::step(&mut entries, connection, depth, usize::MAX >> 1)?;
    AccountsAudit::step(&mut accounts, connection, depth, usize::MAX >> 1)?;
    RefusalsAudit::step(&mut refusals, connection, depth, usize::MAX >> 1)?;
    Ok(Audited {
        position: state.ledger.position,
        head: state.totals.head,
        entries: entries.entries,
        accounts: accounts.accounts,
        refusals: refusals.refusals,
    })
}
