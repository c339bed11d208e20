//! The ledger's view of one open transaction.

use std::collections::BTreeMap;

use bank_ledger::{Account, AccountName, Books, Entry, REFUSALS_REMEMBERED_MAX, Remembered, RequestId};
use rusqlite::Connection;

use super::balance_cache::BalanceCache;
use super::error::Fault;
use super::links;
use super::lookups::Lookups;
use super::row_writer::RowWriter;

/// The ledger's storage within a transaction. Entries and refusals are written at once. An account is written once, at
/// the end, however often the batch changes it.
pub(super) struct Batch<'t> {
    balance_cache: &'t BalanceCache,
    accounts: BTreeMap<AccountName, Touched>,
    newest_refusal: i64,
    /// Whether a decision since the last [`Batch::take_read_from_file`] used a row that was read from the file.
    read_from_file: bool,
    lookups: Lookups<'t>,
    row_writer: RowWriter<'t>,
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
            lookups: Lookups::new(connection)?,
            row_writer: RowWriter::new(connection)?,
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
                self.row_writer.account(&name, touched.account)?;
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
        let Some(account) = self.lookups.account(name)? else {
            return Ok(None);
        };
        links::check_account(&mut self.lookups, name, account)?;
        let touched = Touched {
            account,
            changed: false,
        };
        self.accounts.insert(name.clone(), touched);
        Ok(Some(account))
    }

    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Fault> {
        // Most banks have no refusals, and then the second query is not needed.
        let found = self.lookups.remembered(id, self.newest_refusal > 0)?;
        self.read_from_file |= found.is_some();
        Ok(found)
    }

    fn record_entry(&mut self, entry: Entry) -> Result<(), Fault> {
        self.row_writer.entry(&entry)?;
        for (name, account) in entry.accounts() {
            let changed = true;
            self.accounts.insert(name, Touched { account, changed });
        }
        Ok(())
    }

    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), Fault> {
        self.newest_refusal += 1;
        self.row_writer.refusal(self.newest_refusal, id, &refused)?;
        // Refusal numbers have no gaps, so the number of the oldest refusal to keep follows from the newest.
        let forgotten = self.newest_refusal - REFUSALS_REMEMBERED_MAX as i64;
        if forgotten > 0 {
            self.row_writer.forget_refusals(forgotten)?;
        }
        Ok(())
    }
}
