//! The ledger's view of the state in memory.

use bank_ledger::{Account, AccountName, Books, Entry, Remembered, RequestId};

use super::error::Fault;
use super::fetching::Fetched;
use super::memory::Memory;

/// The ledger's storage while one log entry is applied. It touches only memory: what a decision needs from the file was
/// fetched before.
pub(super) struct Deciding<'m> {
    memory: &'m mut Memory,
    fetched: &'m mut Fetched,
    /// Whether a decision used a row that was read from the file, or learned from the file that there is no such row.
    pub(super) read_from_file: bool,
}

impl<'m> Deciding<'m> {
    pub(super) fn new(memory: &'m mut Memory, fetched: &'m mut Fetched) -> Self {
        Self {
            memory,
            fetched,
            read_from_file: false,
        }
    }
}

impl Books for Deciding<'_> {
    type Error = Fault;

    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Fault> {
        if let Some((account, from_file)) = self.memory.account_for_decision(name) {
            self.read_from_file |= from_file;
            return Ok(Some(account));
        }
        self.read_from_file = true;
        match self.fetched.accounts.get(name) {
            Some(Some(account)) => {
                let account = *account;
                self.fetched.accounts.remove(name);
                self.memory.keep(name.clone(), account);
                Ok(Some(account))
            }
            Some(None) => Ok(None),
            None => Err(Fault::NotFetched(format!("account {name}"))),
        }
    }

    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Fault> {
        if self.memory.is_new(id) {
            return Ok(None);
        }
        if let Some(decision) = self.memory.decision(id) {
            return Ok(Some(decision));
        }
        self.read_from_file = true;
        match self.fetched.ids.get(id) {
            Some(Some((decision, number))) => Ok(self.memory.remembers(*number).then(|| decision.clone())),
            Some(None) => Ok(None),
            None => Err(Fault::NotFetched(format!("request {id}"))),
        }
    }

    fn record_entry(&mut self, entry: Entry) -> Result<(), Fault> {
        // What was fetched is no longer so.
        self.fetched.ids.remove(&entry.command.request_id);
        if !self.fetched.accounts.is_empty() {
            for (name, _) in entry.accounts() {
                self.fetched.accounts.remove(&name);
            }
        }
        self.memory.record_entry(entry);
        Ok(())
    }

    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), Fault> {
        self.fetched.ids.remove(&id);
        self.memory.record_refusal(id, refused);
        Ok(())
    }
}
