//! Reads the rows that decisions need and that are not in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use bank_ledger::{Account, AccountName, Action, Command, Remembered, RequestId};
use rusqlite::Connection;

use super::error::{BooksError, Fault};
use super::links;
use super::lookups::Lookups;
use super::memory::Memory;
use super::schema;
use super::shared::Shared;

/// The keys of rows that decisions need and that are not in memory.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    accounts: BTreeSet<AccountName>,
    ids: BTreeSet<[u8; 16]>,
}

/// Rows that were read from the file for decisions. A row stays here only until a decision uses or changes it.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// `None`: there is no such account.
    pub(super) accounts: HashMap<AccountName, Option<Account>>,
    /// `None`: the id is new. The number is that of a refusal.
    pub(super) ids: HashMap<RequestId, Option<(Remembered, Option<i64>)>>,
}

impl Fetched {
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.ids.is_empty()
    }
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.ids.is_empty()
    }

    /// Adds what a command needs and is neither in memory nor fetched.
    pub(super) fn add(&mut self, command: &Command, memory: &Memory, fetched: &Fetched) {
        let id = &command.request_id;
        if !memory.is_new(id) && !fetched.ids.contains_key(id) && memory.decision(id).is_none() {
            self.ids.insert(id.0);
        }
        for name in accounts_of(&command.action).into_iter().flatten() {
            if memory.account(name).is_none() && !fetched.accounts.contains_key(name) {
                self.accounts.insert(name.clone());
            }
        }
    }
}

/// The accounts that a command mentions.
fn accounts_of(action: &Action) -> [Option<&AccountName>; 2] {
    static MAIN: LazyLock<AccountName> = LazyLock::new(AccountName::main);
    match action {
        Action::Found { .. } => [Some(&MAIN), None],
        Action::Open { account } | Action::Deposit { account, .. } | Action::Withdraw { account, .. } => {
            [Some(account), None]
        }
        Action::Transfer { from, to, .. } => [Some(from), Some(to)],
    }
}

/// A read connection of its own, which is opened when it is first needed. So a decision does not wait for customers'
/// reads.
#[derive(Debug, Default)]
pub(super) struct FetchConnection(Mutex<Option<Connection>>);

impl FetchConnection {
    /// Reads rows. They have the values of the newest state, because what is not in memory has not changed since.
    pub(super) fn fetch(&self, wanted: &Wanted, shared: &Shared) -> Result<Fetched, BooksError> {
        // No code under the lock leaves the connection in a transaction, so it is usable even if the lock is poisoned.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fetched = || -> Result<Fetched, Fault> {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => schema::open_reader(&shared.path)?,
            };
            let fetched = fetch(&mut connection, wanted)?;
            *kept = Some(connection);
            Ok(fetched)
        };
        fetched().map_err(|fault| fault.at(&shared.path, "reading what a decision needs"))
    }

    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn fetch(connection: &mut Connection, wanted: &Wanted) -> Result<Fetched, Fault> {
    let snapshot = connection.transaction()?;
    let mut lookups = Lookups::new(&snapshot)?;
    let mut fetched = Fetched::default();
    for name in &wanted.accounts {
        let account = lookups.account(name)?;
        if let Some(account) = account {
            links::check_account(&mut lookups, name, account)?;
        }
        fetched.accounts.insert(name.clone(), account);
    }
    for id in wanted.ids.iter().copied().map(RequestId) {
        fetched.ids.insert(id, lookups.remembered(&id)?);
    }
    Ok(fetched)
}
