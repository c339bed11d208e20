//! Read access to a ledger database: balances, accounts, statements and snapshots. Each result comes from one state.

use std::path::Path;
use std::sync::Arc;

use bank_ledger::{Account, AccountName, Entry, Ledger, Position};
use rusqlite::Connection;

use super::applied_state::AppliedState;
use super::error::{BooksError, Fault};
use super::links;
use super::lookups::Lookups;
use super::pages::Pages;
use super::rows;
use super::schema;
use super::shared::{Alarm, Shared};

/// The most accounts or entries in one page, about 200 kB in memory.
const PAGE_LEN_MAX: usize = 1000;

/// Read access to a ledger database. It is cheap to clone and never waits for the writer.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
}

/// One page of accounts, ordered by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountsPage {
    /// The accounts and their balances.
    pub(crate) accounts: Vec<(AccountName, i64)>,
    /// Whether there are more accounts after this page.
    pub(crate) more: bool,
    /// The position of the state that the page was read from.
    pub(crate) position: Position,
}

/// One page of an account's entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementPage {
    /// The account as of `position`. `None`: there is no such account.
    pub(crate) account: Option<Account>,
    /// The entries. A transfer is in the statements of both accounts.
    pub(crate) entries: Vec<Entry>,
    /// The position at which the next page begins. `None`: this page ends with the account's first entry.
    pub(crate) next: Option<Position>,
    /// The position of the state that the page was read from.
    pub(crate) position: Position,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sets the callback for reads that find damage. Only the first call has an effect.
    pub(crate) fn on_damage(&self, alarm: impl Fn(&BooksError) + Send + Sync + 'static) {
        self.shared.alarm.get_or_init(|| Alarm(Box::new(alarm)));
    }

    /// The position of the newest state that reads see.
    pub(crate) fn position(&self) -> Position {
        self.ledger().position
    }

    /// The position and digest of the newest state that reads see.
    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.balance_cache.ledger()
    }

    /// The balance of an account and the position of its state, if they are in memory. Never blocks.
    pub(crate) fn recent_balance(&self, account: &AccountName) -> Option<(i64, Position)> {
        let (found, ledger) = self.shared.balance_cache.account(account);
        found.map(|found| (found.balance, ledger.position))
    }

    /// The balance of an account, and the position of the state that it was read from. `None`: there is no such
    /// account.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn balance(&self, account: &AccountName) -> Result<(Option<i64>, Position), BooksError> {
        if let Some((balance, position)) = self.recent_balance(account) {
            return Ok((Some(balance), position));
        }
        let (found, ledger) = self.read("reading a balance", |connection| {
            // A transaction, so that the account and the entries that it is checked against come from one state.
            let snapshot = connection.transaction()?;
            let (found, ledger) = find_account(&snapshot, account)?;
            if let Some(found) = found {
                links::check_account(&mut Lookups::new(&snapshot)?, account, found)?;
            }
            Ok((found, ledger))
        })?;
        if let Some(found) = found {
            self.shared.balance_cache.offer(ledger, account, found);
        }
        Ok((found.map(|found| found.balance), ledger.position))
    }

    /// Accounts with names after `after`, ordered by name, at most `limit` (1 to 1000) of them.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn accounts(&self, after: Option<&AccountName>, limit: usize) -> Result<AccountsPage, BooksError> {
        let limit = limit.clamp(1, PAGE_LEN_MAX);
        // The empty string sorts before every name.
        let after = after.map_or("", AccountName::as_str);
        self.read("listing accounts", |connection| {
            let snapshot = connection.transaction()?;
            let position = find_ledger(&snapshot)?.position;
            let mut statement = snapshot.prepare_cached(
                "SELECT name, balance, last_entry FROM accounts WHERE name > ?1 ORDER BY name LIMIT ?2",
            )?;
            let mut lookups = Lookups::new(&snapshot)?;
            let mut found = statement.query((after, limit as i64 + 1))?;
            let mut accounts = Vec::new();
            while let Some(row) = found.next()? {
                let (name, account) = rows::account(row)?;
                links::check_account(&mut lookups, &name, account)?;
                accounts.push((name, account.balance));
            }
            let more = accounts.len() > limit;
            accounts.truncate(limit);
            Ok(AccountsPage {
                accounts,
                more,
                position,
            })
        })
    }

    /// Entries of an account, newest first, at most `limit` (1 to 1000) of them. The page begins with the entry at
    /// `from`, or with the newest entry if `from` is `None`.
    ///
    /// # Errors
    /// [`BooksError::NoSuchEntry`] if the account has no entry at `from`; another error if the file is damaged or
    /// cannot be read.
    pub(crate) fn statement(
        &self,
        account: &AccountName,
        from: Option<Position>,
        limit: usize,
    ) -> Result<StatementPage, BooksError> {
        let limit = limit.clamp(1, PAGE_LEN_MAX);
        self.read("reading a statement", |connection| {
            let snapshot = connection.transaction()?;
            read_entries_back(&snapshot, account, from, limit)
        })
    }

    /// Begins a snapshot of the current state. It reads pages only when it is asked for bytes. The writer continues
    /// meanwhile.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn pages(&self) -> Result<Pages, BooksError> {
        Pages::open(&self.shared.path)
    }

    /// The number of bytes that a snapshot would have now.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn length(&self) -> Result<u64, BooksError> {
        self.read("reading the length of the books", |connection| {
            let bytes = schema::page_size(connection)?.saturating_mul(schema::page_count(connection)?);
            Ok(bytes.unsigned_abs())
        })
    }

    /// Writes a snapshot into a new file and syncs it. The writer continues meanwhile. Returns the applied state and
    /// the ledger that the snapshot holds.
    ///
    /// # Errors
    /// There is a file at `path`, it cannot be written, or the database cannot be read. No file is left then.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(AppliedState, Ledger), BooksError> {
        self.pages()?.copy_into(path)
    }

    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, BooksError> {
        self.shared
            .connections
            .lease()
            .and_then(|mut connection| read(&mut connection))
            .map_err(|fault| fault.at(&self.shared.path, doing))
            .inspect_err(|error| {
                if let (BooksError::Damaged { .. }, Some(Alarm(alarm))) = (error, self.shared.alarm.get()) {
                    alarm(error);
                }
            })
    }
}

/// Reads the position and digest of the state.
fn find_ledger(connection: &Connection) -> Result<Ledger, Fault> {
    let (position, digest): (i64, Vec<u8>) = connection
        .prepare_cached("SELECT position, digest FROM state")?
        .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows::ledger(position, &digest)
}

/// Reads an account and the position and digest of its state. One SQL statement always reads one state.
fn find_account(connection: &Connection, name: &AccountName) -> Result<(Option<Account>, Ledger), Fault> {
    let (position, digest, balance, last_entry) = connection
        .prepare_cached("SELECT position, digest, balance, last_entry FROM state LEFT JOIN accounts ON name = ?1")?
        .query_row([name.as_str()], |row| {
            Ok((
                row.get(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Option<i64>>(2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        })?;
    let account = match (balance, last_entry) {
        (Some(balance), Some(last_entry)) => Some(Account {
            balance,
            last_entry: rows::position(last_entry)?,
        }),
        _ => None,
    };
    Ok((account, rows::ledger(position, &digest)?))
}

/// Reads a page of entries by following the links of an account from an entry back.
fn read_entries_back(
    connection: &Connection,
    name: &AccountName,
    from: Option<Position>,
    limit: usize,
) -> Result<StatementPage, Fault> {
    let (account, ledger) = find_account(connection, name)?;
    let mut page = StatementPage {
        account,
        entries: Vec::new(),
        next: from.or(account.map(|account| account.last_entry)),
        position: ledger.position,
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM entries WHERE position = ?1",
        rows::ENTRY_COLUMNS
    ))?;
    while let Some(position) = page.next
        && page.entries.len() < limit
    {
        let column = rows::stored(position).ok();
        let found = match statement.query([column])?.next()? {
            Some(row) => Some(rows::entry(row)?),
            None => None,
        };
        let found = found.and_then(|entry| Some((entry.leg_of(name)?, entry)));
        let Some((leg, entry)) = found else {
            // Only the first position may come from the caller. A wrong link is damage.
            return Err(match from {
                Some(from) if from == position && page.entries.is_empty() => Fault::NoSuchEntry {
                    account: name.clone(),
                    position,
                },
                _ => Fault::Damaged(format!(
                    "the links of account {name} lead to {position}, which is not its entry"
                )),
            });
        };
        page.entries.push(entry);
        page.next = (leg.previous > 0).then_some(leg.previous);
    }
    Ok(page)
}
