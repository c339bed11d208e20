//! Recent balances in memory, together with the position of their state. One lock guards both, so no reader sees a
//! balance with the position of another state.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bank_ledger::{Account, AccountName, Ledger};

/// The most accounts in the cache, about 4 MiB. A full cache is emptied and fills again by use. That costs a burst of
/// reads from the file, but the cache need not track when each account was last used.
pub(super) const ACCOUNTS_MAX: usize = 1 << 15;

/// The cache. The writer replaces accounts after each commit. Readers add accounts that they had to read from the file.
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
    /// Whether a reader read the account from the file and no decision has used it since.
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

    /// The position and digest of the newest state that readers may see.
    pub(super) fn ledger(&self) -> Ledger {
        self.read().ledger
    }

    /// The account, if it is in the cache, and the state of the cache.
    pub(super) fn account(&self, name: &AccountName) -> (Option<Account>, Ledger) {
        let table = self.read();
        (table.accounts.get(name).map(|kept| kept.account), table.ledger)
    }

    /// The account for a decision, if it is in the cache, and whether a reader read it from the file.
    pub(super) fn for_decision(&self, name: &AccountName) -> Option<(Account, bool)> {
        let table = self.read();
        table.accounts.get(name).map(|kept| (kept.account, kept.from_file))
    }

    /// Moves to a committed state, in which these accounts have these values.
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

    /// Adds an account that was read from the file in the given state. Does nothing if the cache is at another state,
    /// because the account may have another value there.
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

    /// Empties the cache and moves to another state.
    pub(super) fn replace(&self, ledger: Ledger) {
        *self.write() = Table {
            ledger,
            accounts: HashMap::new(),
        };
    }

    // No code under the lock can panic (a failed allocation aborts), so the table is consistent even if the lock is
    // poisoned.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
