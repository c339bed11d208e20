//! The ledger's view of one open transaction.

use std::collections::BTreeMap;

use bank_ledger::{
    Account, AccountName, Books, Entry, Outcome, REFUSALS_REMEMBERED_MAX, Refusal, Remembered, RequestId,
};
use rusqlite::{CachedStatement, Connection, params};

use super::balance_cache::BalanceCache;
use super::error::Fault;
use super::links::Links;
use super::rows::{self, ActionColumns};

/// The ledger's storage within a transaction. Entries and refusals are written at once. An account is written once, at
/// the end, however often the batch changes it.
pub(super) struct Batch<'t> {
    balance_cache: &'t BalanceCache,
    accounts: BTreeMap<AccountName, Touched>,
    newest_refusal: i64,
    /// Whether a decision since the last [`Batch::take_read_from_file`] used a row that was read from the file.
    read_from_file: bool,
    links: Links<'t>,
    find_account: CachedStatement<'t>,
    find_entry: CachedStatement<'t>,
    find_refusal: CachedStatement<'t>,
    insert_entry: CachedStatement<'t>,
    insert_refusal: CachedStatement<'t>,
    forget_refusals: CachedStatement<'t>,
    write_account: CachedStatement<'t>,
}

struct Touched {
    account: Account,
    changed: bool,
}

/// The values that stay in memory after the commit of a batch.
pub(super) struct Written {
    pub(super) accounts: BTreeMap<AccountName, Account>,
    pub(super) newest_refusal: i64,
}

impl<'t> Batch<'t> {
    /// Begins a batch in an open transaction. `balance_cache` must be at the state before the transaction.
    pub(super) fn new(
        connection: &'t Connection,
        balance_cache: &'t BalanceCache,
        newest_refusal: i64,
    ) -> Result<Self, Fault> {
        Ok(Self {
            balance_cache,
            accounts: BTreeMap::new(),
            newest_refusal,
            read_from_file: false,
            links: Links::new(connection)?,
            find_account: connection.prepare_cached("SELECT balance, last_entry FROM accounts WHERE name = ?1")?,
            find_entry: connection.prepare_cached(&format!(
                "SELECT {} FROM entries WHERE request_id = ?1",
                rows::ENTRY_COLUMNS
            ))?,
            find_refusal: connection.prepare_cached(&format!(
                "SELECT {} FROM refusals WHERE request_id = ?1",
                rows::REFUSAL_COLUMNS
            ))?,
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

    /// Whether a decision since the last call used a row that was read from the file. A row that an earlier decision of
    /// this process has used or written does not count.
    pub(super) fn take_read_from_file(&mut self) -> bool {
        std::mem::take(&mut self.read_from_file)
    }

    /// Writes the changed accounts. The caller commits the transaction.
    pub(super) fn finish(mut self) -> Result<Written, Fault> {
        let mut accounts = BTreeMap::new();
        for (name, touched) in self.accounts {
            if touched.changed {
                let last_entry = rows::stored(touched.account.last_entry)?;
                self.write_account
                    .execute((name.as_str(), touched.account.balance, last_entry))?;
            }
            accounts.insert(name, touched.account);
        }
        Ok(Written {
            accounts,
            newest_refusal: self.newest_refusal,
        })
    }
}

impl Books for Batch<'_> {
    type Error = Fault;

    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Fault> {
        if let Some(touched) = self.accounts.get(name) {
            return Ok(Some(touched.account));
        }
        if let Some((account, from_file)) = self.balance_cache.for_decision(name) {
            if from_file {
                // A reader put the row into memory, and no decision has used it yet. So it counts as read from the
                // file.
                self.read_from_file = true;
                let changed = false;
                self.accounts.insert(name.clone(), Touched { account, changed });
            }
            return Ok(Some(account));
        }
        self.read_from_file = true;
        let mut found = self.find_account.query([name.as_str()])?;
        let Some(row) = found.next()? else {
            return Ok(None);
        };
        let account = Account {
            balance: row.get(0)?,
            last_entry: rows::position(row.get(1)?)?,
        };
        self.links.check_account(name, account)?;
        let touched = Touched {
            account,
            changed: false,
        };
        self.accounts.insert(name.clone(), touched);
        Ok(Some(account))
    }

    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Fault> {
        if let Some(row) = self.find_entry.query([id.0])?.next()? {
            self.read_from_file = true;
            return Ok(Some(rows::entry(row)?.remembered()));
        }
        // Most banks have no refusals, and then the query is not needed.
        if self.newest_refusal == 0 {
            return Ok(None);
        }
        match self.find_refusal.query([id.0])?.next()? {
            Some(row) => {
                self.read_from_file = true;
                Ok(Some(rows::refused(row)?))
            }
            None => Ok(None),
        }
    }

    fn record_entry(&mut self, entry: Entry) -> Result<(), Fault> {
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
        for (name, account) in entry.accounts() {
            let changed = true;
            self.accounts.insert(name, Touched { account, changed });
        }
        Ok(())
    }

    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), Fault> {
        let Outcome::Refused(refusal) = &refused.outcome else {
            return Err(Fault::Damaged(format!(
                "request {id} was to be remembered as refused, and was not"
            )));
        };
        let columns = ActionColumns::from(&refused.action);
        self.newest_refusal += 1;
        self.insert_refusal.execute(params![
            rows::stored(refused.position)?,
            columns.kind,
            columns.account,
            columns.amount,
            columns.counter_account,
            rows::reason(refusal),
            Refusal::account(refusal).as_str(),
            refusal.balance(),
            self.newest_refusal,
            id.0,
        ])?;
        // Refusal numbers have no gaps, so the number of the oldest refusal to keep follows from the newest.
        let forgotten = self.newest_refusal - REFUSALS_REMEMBERED_MAX as i64;
        if forgotten > 0 {
            self.forget_refusals.execute([forgotten])?;
        }
        Ok(())
    }
}
