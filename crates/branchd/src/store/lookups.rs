//! Looks up single rows of the ledger database by their keys. Every row is verified by its checksum.

use std::fmt::Display;

use bank_ledger::{Account, AccountName, Entry, Position, Remembered, RequestId};
use rusqlite::{CachedStatement, Connection};

use super::checksum::Table;
use super::error::{Fault, missing_account};
use super::rows::{self, AccountRow, RefusalRow};
use super::state_row::StateRow;

/// Prepared statements that find one row each. All of them read the state that the connection's transaction sees.
pub(super) struct Lookups<'c> {
    connection: &'c Connection,
    find_account: CachedStatement<'c>,
    find_entry: CachedStatement<'c>,
    find_entry_by_id: CachedStatement<'c>,
    find_refusal_by_id: CachedStatement<'c>,
}

impl<'c> Lookups<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            connection,
            find_account: connection.prepare_cached(&format!(
                "SELECT {} FROM accounts WHERE name <= ?1 ORDER BY name DESC LIMIT 1",
                rows::ACCOUNT_COLUMNS
            ))?,
            find_entry: connection.prepare_cached(&format!(
                "SELECT {} FROM entries WHERE position = ?1",
                rows::ENTRY_COLUMNS
            ))?,
            find_entry_by_id: connection.prepare_cached(&format!(
                "SELECT {} FROM entries WHERE request_id = ?1",
                rows::ENTRY_COLUMNS
            ))?,
            find_refusal_by_id: connection.prepare_cached(&format!(
                "SELECT {} FROM refusals WHERE request_id = ?1",
                rows::REFUSAL_COLUMNS
            ))?,
        })
    }

    /// The account with this name. `None` is proved: the row before the name says which name comes next.
    pub(super) fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Fault> {
        let next_name = match self.account_at_or_before(name)? {
            Some(row) if row.name == *name => return Ok(Some(row.account)),
            Some(row) => row.next_name,
            None => StateRow::read(self.connection)?.totals.first_name,
        };
        if next_name.is_empty() || name.as_str() < next_name.as_str() {
            return Ok(None);
        }
        Err(missing_account(&next_name))
    }

    /// The row of this name, or of the name before it in the order of names.
    pub(super) fn account_at_or_before(&mut self, name: &AccountName) -> Result<Option<AccountRow>, Fault> {
        let mut found = self.find_account.query([name.as_str()])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let row = rows::account(row)?;
        if row.name > *name {
            return Err(out_of_place(Table::Accounts, &row.name, name));
        }
        Ok(Some(row))
    }

    /// The name that must come after this one in the order of names. `None` stands for the place before the first name.
    /// The result is empty if there is none.
    pub(super) fn name_after(&mut self, name: Option<&AccountName>) -> Result<String, Fault> {
        let before = match name {
            Some(name) => self.account_at_or_before(name)?,
            None => None,
        };
        match before {
            Some(row) => Ok(row.next_name),
            None => Ok(StateRow::read(self.connection)?.totals.first_name),
        }
    }

    /// The entry at this position.
    pub(super) fn entry(&mut self, position: Position) -> Result<Option<Entry>, Fault> {
        let mut found = self.find_entry.query([rows::stored(position)?])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let entry = rows::entry(row)?;
        if entry.position != position {
            return Err(out_of_place(Table::Entries, &entry.position, &position));
        }
        Ok(Some(entry))
    }

    /// The entry with this request id, found through the index. `None` is not proved: a damaged index can lack a row.
    pub(super) fn entry_by_id(&mut self, id: &RequestId) -> Result<Option<Entry>, Fault> {
        let mut found = self.find_entry_by_id.query([id.0])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let entry = rows::entry(row)?;
        if entry.command.request_id != *id {
            return Err(out_of_place(Table::Entries, &entry.position, id));
        }
        Ok(Some(entry))
    }

    /// The refusal with this request id, found through the index. `None` is not proved.
    pub(super) fn refusal_by_id(&mut self, id: &RequestId) -> Result<Option<RefusalRow>, Fault> {
        let mut found = self.find_refusal_by_id.query([id.0])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let refusal = rows::refused(row)?;
        if refusal.request_id != *id {
            return Err(out_of_place(Table::Refusals, &refusal.number, id));
        }
        Ok(Some(refusal))
    }

    /// The decision on this request id, and its number if it is a refusal. The file may still have a refusal that is
    /// forgotten by now. `None` is not proved.
    pub(super) fn remembered(&mut self, id: &RequestId) -> Result<Option<(Remembered, Option<i64>)>, Fault> {
        if let Some(entry) = self.entry_by_id(id)? {
            return Ok(Some((entry.remembered(), None)));
        }
        let refusal = self.refusal_by_id(id)?;
        Ok(refusal.map(|row| (row.refused, Some(row.number))))
    }
}

fn out_of_place(table: Table, found: &dyn Display, sought: &dyn Display) -> Fault {
    let table = table.name();
    Fault::Damaged(format!(
        "table {table}, row {found}: it is found in the place of {sought}"
    ))
}
