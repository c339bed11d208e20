//! Looks up single rows of the ledger database by their keys.

use bank_ledger::{Account, AccountName, Entry, Position, Remembered, RequestId};
use rusqlite::{CachedStatement, Connection};

use super::error::Fault;
use super::rows;

/// Prepared statements that find one row each. All of them read the state that the connection's transaction sees.
pub(super) struct Lookups<'c> {
    find_account: CachedStatement<'c>,
    find_entry: CachedStatement<'c>,
    find_entry_by_id: CachedStatement<'c>,
    find_refusal_by_id: CachedStatement<'c>,
    find_refusal_number: CachedStatement<'c>,
}

impl<'c> Lookups<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            find_account: connection.prepare_cached("SELECT balance, last_entry FROM accounts WHERE name = ?1")?,
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
            find_refusal_number: connection.prepare_cached("SELECT number FROM refusals WHERE request_id = ?1")?,
        })
    }

    /// The account with this name.
    pub(super) fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Fault> {
        let mut found = self.find_account.query([name.as_str()])?;
        let Some(row) = found.next()? else {
            return Ok(None);
        };
        Ok(Some(Account {
            balance: row.get(0)?,
            last_entry: rows::position(row.get(1)?)?,
        }))
    }

    /// The entry at this position.
    pub(super) fn entry(&mut self, position: Position) -> Result<Option<Entry>, Fault> {
        let mut found = self.find_entry.query([rows::stored(position)?])?;
        found.next()?.map(rows::entry).transpose()
    }

    /// The decision on this request id. The file may still have a refusal that is forgotten by now.
    pub(super) fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Fault> {
        if let Some(row) = self.find_entry_by_id.query([id.0])?.next()? {
            return Ok(Some(rows::entry(row)?.remembered()));
        }
        self.find_refusal_by_id
            .query([id.0])?
            .next()?
            .map(rows::refused)
            .transpose()
    }
    /// The number of the refusal of this request id.
    pub(super) fn refusal_number(&mut self, id: &RequestId) -> Result<Option<i64>, Fault> {
        let mut found = self.find_refusal_number.query([id.0])?;
        found.next()?.map(|row| Ok(row.get(0)?)).transpose()
    }
}
