//! Recent balances in memory, with the position they are of: one lock around both, so that no reader sees a balance
//! with the position of another state.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bank_ledger::{Account, AccountName, Ledger};

/// How many accounts are kept: about 4 MiB of them. A full table is emptied, and fills again by use: that costs a
/// burst of reads from the file, and no account must be tracked for its last use.
pub(super) const ACCOUNTS_MAX: usize = 1 << 15;

/// The table. The writer replaces accounts after each commit; readers add what they had to look up.
#[derive(Debug)]
pub(super) struct BalanceCache {
    table: RwLock<Table>,
}

#[derive(Debug)]
struct Table {
    ledger: Ledger,
    accounts: HashMap<AccountName, Kept>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    account: Account,
    /// A reader read it from the file, and no decision has rested on it since.
    from_file: bool,
}

impl BalanceCache {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            table: RwLock::new(Table {
                ledger,
                accounts: HashMap::new(),
            }),
        }
    }

    /// Of the newest state that readers may see.
    pub(super) fn ledger(&self) -> Ledger {
        self.read().ledger
    }

    /// The account, if it is kept, and the state it is of.
    pub(super) fn account(&self, name: &AccountName) -> (Option<Account>, Ledger) {
        let table = self.read();
        (table.accounts.get(name).map(|kept| kept.account), table.ledger)
    }

    /// The account for a decision, if it is kept, and whether a reader read it from the file.
    pub(super) fn for_decision(&self, name: &AccountName) -> Option<(Account, bool)> {
        let table = self.read();
        table.accounts.get(name).map(|kept| (kept.account, kept.from_file))
    }

    /// Moves to a state that was committed, in which these accounts are new or changed (or merely known).
    pub(super) fn publish(&self, ledger: Ledger, accounts: BTreeMap<AccountName, Account>) {
        let mut table = self.write();
        table.ledger = ledger;
        if table.accounts.len() + accounts.len() > ACCOUNTS_MAX {
            table.accounts.clear();
        }
        let decided = accounts.into_iter().map(|(name, account)| {
            let from_file = false;
            (name, Kept { account, from_file })
        });
        table.accounts.extend(decided.take(ACCOUNTS_MAX));
    }

    /// Adds an account that was read from the file in the given state, unless the table has moved on since, or is not
    /// there yet: then the account may be another.
    pub(super) fn offer(&self, ledger: Ledger, name: &AccountName, account: Account) {
        let mut table = self.write();
        if table.ledger != ledger {
            return;
        }
        if table.accounts.len() >= ACCOUNTS_MAX {
            table.accounts.clear();
        }
        let from_file = true;
        table.accounts.insert(name.clone(), Kept { account, from_file });
    }

    /// Moves to a state of which nothing is known yet.
    pub(super) fn replace(&self, ledger: Ledger) {
        *self.write() = Table {
            ledger,
            accounts: HashMap::new(),
        };
    }

    // A lock is poisoned by a panic under it. Nothing under these can panic (an allocation that fails aborts), so the
    // table is whole whatever happened elsewhere.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
