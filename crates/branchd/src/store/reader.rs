//! Everyone who reads: balances, accounts, statements and whole copies, each from one state of the books.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bank_ledger::{Account, AccountName, Entry, Ledger, Position};
use rusqlite::Connection;

use super::balance_cache::BalanceCache;
use super::connections::Connections;
use super::error::{BooksError, Fault};
use super::links::Links;
use super::pages::Pages;
use super::rows;
use super::schema;
use super::writer::AppliedState;

/// The longest page of accounts or entries, whatever is asked: about 200 kB in memory.
const PAGE_LEN_MAX: usize = 1000;

/// What the writer and the readers of one file share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) balance_cache: BalanceCache,
    pub(super) connections: Connections,
    /// Why nothing is written any more: the first error of the disk, which is final.
    pub(super) failure: OnceLock<String>,
    /// Who is told when a read finds damage.
    alarm: OnceLock<Alarm>,
}

/// Something to be called with an error.
struct Alarm(Box<dyn Fn(&BooksError) + Send + Sync>);

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alarm")
    }
}

impl Shared {
    pub(super) fn new(path: PathBuf, ledger: Ledger) -> Self {
        Self {
            balance_cache: BalanceCache::new(ledger),
            connections: Connections::new(path.clone()),
            failure: OnceLock::new(),
            alarm: OnceLock::new(),
            path,
        }
    }
}

/// A reader of the books, cheap to clone. It never waits for the writer.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
}

/// Some of the accounts, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountsPage {
    /// The accounts and their balances.
    pub(crate) accounts: Vec<(AccountName, i64)>,
    /// There are accounts after the last of these.
    pub(crate) more: bool,
    /// The position of the state that all this was read from.
    pub(crate) position: Position,
}

/// Some of an account's entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementPage {
    /// The account as of `position`; `None`: there is no such account.
    pub(crate) account: Option<Account>,
    /// The entries. One that moves money between two accounts stands in the statements of both.
    pub(crate) entries: Vec<Entry>,
    /// Where the next page begins; `None`: this one reaches the account's first entry.
    pub(crate) next: Option<Position>,
    /// The position of the state that all this was read from.
    pub(crate) position: Position,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Has `alarm` called whenever a read finds that the books are damaged. The first call counts.
    pub(crate) fn on_damage(&self, alarm: impl Fn(&BooksError) + Send + Sync + 'static) {
        self.shared.alarm.get_or_init(|| Alarm(Box::new(alarm)));
    }

    /// The position of the newest state that a read sees.
    pub(crate) fn position(&self) -> Position {
        self.ledger().position
    }

    /// The position and digest of that state.
    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.balance_cache.ledger()
    }

    /// The balance of an account, and the position of the state it is of, if they are in memory. Never blocks.
    pub(crate) fn recent_balance(&self, account: &AccountName) -> Option<(i64, Position)> {
        let (found, ledger) = self.shared.balance_cache.account(account);
        found.map(|found| (found.balance, ledger.position))
    }

    /// The balance of an account (`None`: there is no such account), and the position of the state it is of.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn balance(&self, account: &AccountName) -> Result<(Option<i64>, Position), BooksError> {
        if let Some((balance, position)) = self.recent_balance(account) {
            return Ok((Some(balance), position));
        }
        let (found, ledger) = self.read("reading a balance", |connection| {
            // One state for the account and the entries that it is checked against.
            let snapshot = connection.transaction()?;
            let (found, ledger) = find_account(&snapshot, account)?;
            if let Some(found) = found {
                Links::new(&snapshot)?.check_account(account, found)?;
            }
            Ok((found, ledger))
        })?;
        if let Some(found) = found {
            self.shared.balance_cache.offer(ledger, account, found);
        }
        Ok((found.map(|found| found.balance), ledger.position))
    }

    /// Accounts and their balances by name, those after `after`, at most `limit` (1 to 1000) of them.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn accounts(&self, after: Option<&AccountName>, limit: usize) -> Result<AccountsPage, BooksError> {
        let limit = limit.clamp(1, PAGE_LEN_MAX);
        // The empty name comes before every name.
        let after = after.map_or("", AccountName::as_str);
        self.read("listing accounts", |connection| {
            let snapshot = connection.transaction()?;
            let position = find_ledger(&snapshot)?.position;
            let mut statement = snapshot.prepare_cached(
                "SELECT name, balance, last_entry FROM accounts WHERE name > ?1 ORDER BY name LIMIT ?2",
            )?;
            let mut links = Links::new(&snapshot)?;
            let mut found = statement.query((after, limit as i64 + 1))?;
            let mut accounts = Vec::new();
            while let Some(row) = found.next()? {
                let (name, account) = rows::account(row)?;
                links.check_account(&name, account)?;
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

    /// A page of an account's entries, newest first, at most `limit` (1 to 1000) of them, beginning with the one at
    /// `from` (`None`: the newest).
    ///
    /// # Errors
    /// [`BooksError::NoSuchEntry`] where `from` is no entry of the account; others where the file cannot be read.
    pub(crate) fn statement(
        &self,
        account: &AccountName,
        from: Option<Position>,
        limit: usize,
    ) -> Result<StatementPage, BooksError> {
        let limit = limit.clamp(1, PAGE_LEN_MAX);
        self.read("reading a statement", |connection| {
            let snapshot = connection.transaction()?;
            follow(&snapshot, account, from, limit)
        })
    }

    /// Begins a copy of the books as they are now. It reads only when it is asked for bytes, and writing goes on.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn pages(&self) -> Result<Pages, BooksError> {
        Pages::open(&self.shared.path)
    }

    /// How many bytes a copy of the books would have now.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn length(&self) -> Result<u64, BooksError> {
        self.read("reading the length of the books", |connection| {
            let bytes = schema::page_size(connection)?.saturating_mul(schema::page_count(connection)?);
            Ok(bytes.unsigned_abs())
        })
    }

    /// Writes a whole copy of the books into a new file, while writing goes on, and syncs it. Returns the marker and
    /// the ledger that the copy holds.
    ///
    /// # Errors
    /// Where there is something at `path` or it cannot be written, or the books cannot be read. No copy is left then.
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

/// The state's position and digest.
fn find_ledger(connection: &Connection) -> Result<Ledger, Fault> {
    let (position, digest): (i64, Vec<u8>) = connection
        .prepare_cached("SELECT position, digest FROM state")?
        .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows::ledger(position, &digest)
}

/// An account and the state it is of, by one statement, which reads one state.
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

/// Follows an account's links from an entry back.
fn follow(
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
            // The first position may be the caller's; all others are the books' own.
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
