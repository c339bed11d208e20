//! Books in memory, for tests and for replaying a journal without a file.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;

use bank_types::{AccountName, Position, RequestId};

use crate::account::Account;
use crate::books::{Books, REFUSALS_REMEMBERED_MAX};
use crate::entry::Entry;
use crate::outcome::Remembered;

/// Books in memory. They are lost when the process ends.
#[derive(Debug, Clone, Default)]
pub struct MemoryBooks {
    accounts: BTreeMap<AccountName, Account>,
    entries: BTreeMap<Position, Entry>,
    accepted: HashMap<RequestId, Position>,
    refused: HashMap<RequestId, Remembered>,
    refused_in_order: VecDeque<RequestId>,
}

impl MemoryBooks {
    /// Every account, by name.
    pub fn accounts(&self) -> &BTreeMap<AccountName, Account> {
        &self.accounts
    }

    /// Every entry, by position.
    pub fn entries(&self) -> &BTreeMap<Position, Entry> {
        &self.entries
    }
}

impl Books for MemoryBooks {
    type Error = Infallible;

    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(name).copied())
    }

    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Infallible> {
        let accepted = self
            .accepted
            .get(id)
            .and_then(|position| self.entries.get(position))
            .map(Entry::remembered);
        Ok(accepted.or_else(|| self.refused.get(id).cloned()))
    }

    fn record_entry(&mut self, entry: Entry) -> Result<(), Infallible> {
        for (name, account) in entry.accounts() {
            self.accounts.insert(name, account);
        }
        self.accepted.insert(entry.command.request_id, entry.position);
        self.entries.insert(entry.position, entry);
        Ok(())
    }

    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), Infallible> {
        self.refused.insert(id, refused);
        self.refused_in_order.push_back(id);
        if self.refused_in_order.len() as u64 > REFUSALS_REMEMBERED_MAX
            && let Some(oldest) = self.refused_in_order.pop_front()
        {
            self.refused.remove(&oldest);
        }
        Ok(())
    }
}
