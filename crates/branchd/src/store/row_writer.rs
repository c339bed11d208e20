//! Writes single rows of the ledger database.

use bank_ledger::{Account, AccountName, Entry, Outcome, Refusal, Remembered, RequestId};
use rusqlite::{CachedStatement, Connection, params};

use super::error::Fault;
use super::rows::{self, ActionColumns};

/// Prepared statements that write one row each, in the transaction that is open on the connection.
pub(super) struct RowWriter<'c> {
    insert_entry: CachedStatement<'c>,
    insert_refusal: CachedStatement<'c>,
    forget_refusals: CachedStatement<'c>,
    write_account: CachedStatement<'c>,
}

impl<'c> RowWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            insert_entry: connection.prepare_cached(&format!(
                "INSERT INTO entries ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                rows::ENTRY_COLUMNS
            ))?,
            insert_refusal: connection.prepare_cached(&format!(
                "INSERT INTO refusals ({}, number, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                rows::REFUSAL_COLUMNS
            ))?,
            forget_refusals: connection.prepare_cached("DELETE FROM refusals WHERE number <= ?1")?,
            write_account: connection.prepare_cached(
                "INSERT INTO accounts (name, balance, last_entry) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET balance = excluded.balance, last_entry = excluded.last_entry",
            )?,
        })
    }

    /// Adds an entry. The rows of its accounts are written separately.
    pub(super) fn entry(&mut self, entry: &Entry) -> Result<(), Fault> {
        let columns = ActionColumns::from(&entry.command.action);
        let counter = entry.counter_account;
        self.insert_entry.execute(params![
            rows::stored(entry.position)?,
            entry.command.request_id.0,
            columns.kind,
            columns.account,
            columns.amount,
            entry.account.balance,
            rows::stored(entry.account.previous)?,
            columns.counter_account,
            counter.map(|leg| leg.balance),
            counter.map(|leg| rows::stored(leg.previous)).transpose()?,
            entry.command.time_us,
        ])?;
        Ok(())
    }

    /// Adds or replaces an account.
    pub(super) fn account(&mut self, name: &AccountName, account: Account) -> Result<(), Fault> {
        let last_entry = rows::stored(account.last_entry)?;
        self.write_account
            .execute((name.as_str(), account.balance, last_entry))?;
        Ok(())
    }

    /// Adds a refusal under its number.
    pub(super) fn refusal(&mut self, number: i64, id: RequestId, refused: &Remembered) -> Result<(), Fault> {
        let Outcome::Refused(refusal) = &refused.outcome else {
            return Err(Fault::Damaged(format!(
                "request {id} was to be remembered as refused, and was not"
            )));
        };
        let columns = ActionColumns::from(&refused.action);
        self.insert_refusal.execute(params![
            rows::stored(refused.position)?,
            columns.kind,
            columns.account,
            columns.amount,
            columns.counter_account,
            rows::reason(refusal),
            Refusal::account(refusal).as_str(),
            refusal.balance(),
            number,
            id.0,
        ])?;
        Ok(())
    }

    /// Removes the refusals up to a number.
    pub(super) fn forget_refusals(&mut self, up_to: i64) -> Result<(), Fault> {
        self.forget_refusals.execute([up_to])?;
        Ok(())
    }
}
