//! Writes single rows of the ledger database, with their checksums, and keeps the totals of all rows.

use bank_ledger::{Account, AccountName, Entry, Ledger, Outcome, Refusal, Remembered, RequestId};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection};

use super::applied_state::AppliedState;
use super::checksum::{self, Table};
use super::error::Fault;
use super::lookups::Lookups;
use super::rows::{self, ActionColumns, Seal};
use super::state_row::{StateRow, Totals};

/// After this many entries the head of their chain is written into the table of seals.
pub(super) const ENTRIES_PER_SEAL: u64 = 1000;

/// Prepared statements that write one row each, in the transaction that is open on the connection. [`Self::state`] ends
/// the work: without it, the rows do not fit the state.
pub(super) struct RowWriter<'c> {
    connection: &'c Connection,
    /// The state row, with the totals of all rows that have been written.
    state: StateRow,
    insert_entry: CachedStatement<'c>,
    insert_refusal: CachedStatement<'c>,
    forget_refusals: CachedStatement<'c>,
    write_account: CachedStatement<'c>,
}

impl<'c> RowWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            connection,
            state: StateRow::read(connection)?,
            insert_entry: connection.prepare_cached(&format!(
                "INSERT INTO entries ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                rows::ENTRY_COLUMNS
            ))?,
            insert_refusal: connection.prepare_cached(&format!(
                "INSERT INTO refusals ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                rows::REFUSAL_COLUMNS
            ))?,
            forget_refusals: connection.prepare_cached("DELETE FROM refusals WHERE number <= ?1")?,
            write_account: connection.prepare_cached(&format!(
                "INSERT INTO accounts ({}) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (name) DO UPDATE SET balance = excluded.balance, last_entry = excluded.last_entry, \
                 next_name = excluded.next_name, checksum = excluded.checksum",
                rows::ACCOUNT_COLUMNS
            ))?,
        })
    }

    /// Adds an entry. The rows of its accounts are written separately.
    pub(super) fn entry(&mut self, entry: &Entry) -> Result<(), Fault> {
        let action = ActionColumns::from(&entry.command.action);
        let counter = entry.counter_account;
        let previous = counter.map(|leg| rows::stored(leg.previous)).transpose()?;
        let columns = [
            ValueRef::Integer(rows::stored(entry.position)?),
            ValueRef::Blob(&entry.command.request_id.0),
            ValueRef::Text(action.kind.as_bytes()),
            ValueRef::Text(action.account.as_bytes()),
            ValueRef::Integer(action.amount),
            ValueRef::Integer(entry.account.balance),
            ValueRef::Integer(rows::stored(entry.account.previous)?),
            optional_text(action.counter_account),
            counter.map_or(ValueRef::Null, |leg| ValueRef::Integer(leg.balance)),
            previous.map_or(ValueRef::Null, ValueRef::Integer),
            ValueRef::Integer(entry.command.time_us),
        ];
        checksum::write(&mut self.insert_entry, Table::Entries, columns)?;
        let totals = &mut self.state.totals;
        totals.entries += 1;
        totals.newest_entry = entry.position;
        totals.head = totals.head.after(entry);
        if totals.entries.is_multiple_of(ENTRIES_PER_SEAL) {
            let seal = Seal {
                position: entry.position,
                entries: totals.entries,
                head: totals.head,
            };
            self.seal(&seal)?;
        }
        Ok(())
    }

    fn seal(&mut self, seal: &Seal) -> Result<(), Fault> {
        let mut insert = self.connection.prepare_cached(&format!(
            "INSERT INTO seals ({}) VALUES (?1, ?2, ?3, ?4)",
            rows::SEAL_COLUMNS
        ))?;
        let columns = [
            ValueRef::Integer(rows::stored(seal.position)?),
            ValueRef::Integer(rows::stored(seal.entries)?),
            ValueRef::Blob(&seal.head.0),
        ];
        checksum::write(&mut insert, Table::Seals, columns)
    }

    /// Adds or replaces an account. A new account comes after the name before it in the order of names, whose row is
    /// written as well. `lookups` reads the same transaction.
    pub(super) fn account(
        &mut self,
        lookups: &mut Lookups<'_>,
        name: &AccountName,
        account: Account,
    ) -> Result<(), Fault> {
        let found = lookups.account_at_or_before(name)?;
        if let Some(held) = found.as_ref().filter(|row| row.name == *name) {
            self.state.totals.account_changes(name, Some(held.account), account);
            return self.account_row(name, account, &held.next_name);
        }
        let totals = &mut self.state.totals;
        totals.account_changes(name, None, account);
        let next_name = match &found {
            Some(before) => before.next_name.clone(),
            None => std::mem::replace(&mut totals.first_name, name.as_str().to_owned()),
        };
        if let Some(before) = found {
            self.account_row(&before.name, before.account, name.as_str())?;
        }
        self.account_row(name, account, &next_name)
    }

    fn account_row(&mut self, name: &AccountName, account: Account, next_name: &str) -> Result<(), Fault> {
        let columns = [
            ValueRef::Text(name.as_str().as_bytes()),
            ValueRef::Integer(account.balance),
            ValueRef::Integer(rows::stored(account.last_entry)?),
            ValueRef::Text(next_name.as_bytes()),
        ];
        checksum::write(&mut self.write_account, Table::Accounts, columns)
    }

    /// Adds a refusal under its number. Numbers have no gaps.
    pub(super) fn refusal(&mut self, number: i64, id: RequestId, refused: &Remembered) -> Result<(), Fault> {
        let Outcome::Refused(refusal) = &refused.outcome else {
            return Err(Fault::Damaged(format!(
                "request {id} was to be remembered as refused, and was not"
            )));
        };
        let action = ActionColumns::from(&refused.action);
        let columns = [
            ValueRef::Integer(number),
            ValueRef::Integer(rows::stored(refused.position)?),
            ValueRef::Blob(&id.0),
            ValueRef::Text(action.kind.as_bytes()),
            ValueRef::Text(action.account.as_bytes()),
            ValueRef::Integer(action.amount),
            optional_text(action.counter_account),
            ValueRef::Text(rows::reason(refusal).as_bytes()),
            ValueRef::Text(Refusal::account(refusal).as_str().as_bytes()),
            ValueRef::Integer(refusal.balance()),
        ];
        checksum::write(&mut self.insert_refusal, Table::Refusals, columns)?;
        self.state.totals.newest_refusal = number;
        Ok(())
    }

    /// Removes the refusals up to a number.
    pub(super) fn forget_refusals(&mut self, up_to: i64) -> Result<(), Fault> {
        self.forget_refusals.execute([up_to])?;
        Ok(())
    }

    /// The totals of all rows, for a caller that writes the state row itself.
    pub(super) fn into_totals(self) -> Totals {
        self.state.totals
    }

    /// Writes the state row: the ledger after the rows, the caller's state, and the totals. `before` is the ledger that
    /// this process stored last.
    ///
    /// # Errors
    /// [`Fault::Damaged`] if the file holds another state than `before`.
    pub(super) fn state(mut self, before: Ledger, after: Ledger, applied_state: AppliedState) -> Result<(), Fault> {
        if self.state.ledger != before {
            return Err(Fault::Damaged(
                "its state is not the one that this branch wrote last: another program writes to it".to_owned(),
            ));
        }
        self.state.ledger = after;
        self.state.applied_state = applied_state;
        self.state.write(self.connection)
    }
}

fn optional_text(text: Option<&str>) -> ValueRef<'_> {
    text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
}
