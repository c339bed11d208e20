//! Read access to a ledger database: balances, accounts, statements and snapshots. Each result comes from one state:
//! the file as a read transaction sees it, and what memory has after that. A snapshot is of the file alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bank_ledger::{Account, AccountName, ChainHead, Entry, Ledger, Position};
use rusqlite::Connection;

use super::applied_state::AppliedState;
use super::error::{BooksError, Fault};
use super::links;
use super::lookups::Lookups;
use super::memory::Memory;
use super::pages::Pages;
use super::rows;
use super::schema;
use super::shared::Shared;
use super::state_row::StateRow;

/// The most accounts or entries in one page, about 200 kB in memory.
const PAGE_LEN_MAX: usize = 1000;

/// How often a read looks for one state of file and memory. Memory moves once in a transaction of the storing thread,
/// so the second try succeeds in practice.
const TRIES_MAX: usize = 100;
/// The pause between two tries after the second.
const BETWEEN_TRIES: Duration = Duration::from_millis(1);

/// Read access to a ledger database. It is cheap to clone and never waits for the storing thread.
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

    /// Sets the callback for reads that find damage, and for a failure of the storing thread. Only the first call has
    /// an effect.
    pub(crate) fn on_failure(&self, alarm: impl Fn(&BooksError) + Send + Sync + 'static) {
        self.shared.on_failure(alarm);
    }

    /// The position of the newest state that reads see.
    pub(crate) fn position(&self) -> Position {
        self.ledger().position
    }

    /// The position and digest of the newest state that reads see.
    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.memory().ledger()
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The head of the chain of entries, and the position of the state that it belongs to.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn entries_head(&self) -> Result<(Position, ChainHead), BooksError> {
        self.read_both("reading the head of the entries", |_, view| {
            Ok(view.memory(|memory| {
                let newest = memory
                    .parts_in_order()
                    .flat_map(|part| part.entries_after(view.position));
                let head = newest.fold(view.head, |head, entry| head.after(entry));
                (memory.ledger().position, head)
            }))
        })
    }

    /// The balance of an account and the position of its state, if they are in memory. Never blocks.
    pub(crate) fn recent_balance(&self, account: &AccountName) -> Option<(i64, Position)> {
        let memory = self.shared.memory();
        let found = memory.account(account)?;
        Some((found.balance, memory.ledger().position))
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
        self.read_both("reading a balance", |snapshot, view| {
            let held = view.memory(|memory| (memory.account(account), memory.ledger().position));
            let Some((held, position)) = held else { return Ok(None) };
            if let Some(held) = held {
                return Ok(Some((Some(held.balance), position)));
            }
            let mut lookups = Lookups::new(snapshot)?;
            let found = lookups.account(account)?;
            if let Some(found) = found {
                links::check_account(&mut lookups, account, found)?;
                view.offer(account, found);
            }
            Ok(Some((found.map(|found| found.balance), position)))
        })
    }

    /// Accounts with names after `after`, ordered by name, at most `limit` (1 to 1000) of them.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn accounts(&self, after: Option<&AccountName>, limit: usize) -> Result<AccountsPage, BooksError> {
        let limit = limit.clamp(1, PAGE_LEN_MAX);
        self.read_both("listing accounts", |snapshot, view| {
            let changed = view.memory(|memory| {
                let changed = changed_accounts(memory, after, view.position);
                (changed, memory.ledger().position)
            });
            let Some((changed, position)) = changed else {
                return Ok(None);
            };
            let mut accounts = stored_accounts(snapshot, after, limit + 1)?;
            accounts.extend(changed);
            let more = accounts.len() > limit;
            let accounts = accounts.into_iter().take(limit);
            Ok(Some(AccountsPage {
                accounts: accounts.map(|(name, account)| (name, account.balance)).collect(),
                more,
                position,
            }))
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
        self.read_both("reading a statement", |snapshot, view| {
            let newest = view.memory(|memory| {
                let newest = newest_entries(memory, account, from, limit, view.position);
                (newest, memory.ledger().position)
            });
            let Some((newest, position)) = newest else {
                return Ok(None);
            };
            let held = match newest.account {
                Some(held) => Some(held),
                None => Lookups::new(snapshot)?.account(account)?,
            };
            let last = held.map(|held| held.last_entry);
            let mut page = StatementPage {
                account: held,
                next: if newest.entries.is_empty() {
                    from.or(last)
                } else {
                    newest.next
                },
                entries: newest.entries,
                position,
            };
            continue_back(snapshot, account, &mut page, limit, from)?;
            Ok(Some(page))
        })
    }

    /// Begins a snapshot of the file. It may lack the newest decisions, which are only in memory. It reads pages only when it is asked for bytes. The writer continues
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

    /// Runs a read that takes the file and the memory as one state. The read returns `None` if they are not one state,
    /// which happens if a commit to the file falls between the two looks. It is then run again.
    pub(super) fn read_both<T>(
        &self,
        doing: &'static str,
        read: impl Fn(&Connection, &View<'_>) -> Result<Option<T>, Fault>,
    ) -> Result<T, BooksError> {
        self.read(doing, |connection| {
            for tries in 0..TRIES_MAX {
                let (installed, stored) = self.shared.memory().installed_and_stored();
                let snapshot = connection.transaction()?;
                let state = StateRow::read(&snapshot)?;
                let position = state.ledger.position;
                if position < stored {
                    return Err(Fault::Damaged(format!(
                        "table state, row 1: it is at position {position}, and this branch has written position {stored}: \
                         a write was lost, or an older file was put back"
                    )));
                }
                let view = View {
                    shared: &self.shared,
                    position,
                    head: state.totals.head,
                    installed,
                };
                if let Some(found) = read(&snapshot, &view)? {
                    return Ok(found);
                }
                if tries > 0 {
                    std::thread::sleep(BETWEEN_TRIES);
                }
            }
            Err(Fault::Damaged(
                "its state is not the one that this branch wrote last: another program writes to it".to_owned(),
            ))
        })
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
                if let BooksError::Damaged { .. } = error {
                    self.shared.alarm(error);
                }
            })
    }
}

/// One state of the file, in an open read transaction.
pub(super) struct View<'r> {
    shared: &'r Shared,
    /// The position of the state.
    pub(super) position: Position,
    /// The head of the chain of entries in the state.
    head: ChainHead,
    /// The number of snapshots that were installed before the transaction began.
    installed: u64,
}

impl View<'_> {
    /// Looks into memory, if the file's state and memory are one state. What memory has after [`Self::position`] is then
    /// all that the transaction lacks.
    pub(super) fn memory<T>(&self, look: impl FnOnce(&Memory) -> T) -> Option<T> {
        let memory = self.shared.memory();
        memory.continues(self.position, self.installed).then(|| look(&memory))
    }

    /// Keeps an account that was read from the transaction in memory.
    fn offer(&self, name: &AccountName, account: Account) {
        self.shared.memory().offer(name, account, self.position, self.installed);
    }
}

/// The accounts with names after `after` that changed after position `stored`.
fn changed_accounts(memory: &Memory, after: Option<&AccountName>, stored: Position) -> BTreeMap<AccountName, Account> {
    let mut changed = BTreeMap::new();
    for entry in memory.parts_in_order().flat_map(|part| part.entries_after(stored)) {
        changed.extend(entry.accounts().into_iter().filter(|(name, _)| Some(name) > after));
    }
    changed
}

/// The first accounts of the file with names after `after`.
fn stored_accounts(
    snapshot: &Connection,
    after: Option<&AccountName>,
    limit: usize,
) -> Result<BTreeMap<AccountName, Account>, Fault> {
    let mut accounts = BTreeMap::new();
    links::accounts_after(snapshot, after, limit, |lookups, row| {
        links::check_account(lookups, &row.name, row.account)?;
        accounts.insert(row.name, row.account);
        Ok(())
    })?;
    Ok(accounts)
}

/// The entries of an account that are not in the file, newest first, and where the account continues.
struct Newest {
    /// The account, if it is in memory.
    account: Option<Account>,
    entries: Vec<Entry>,
    /// Where the account continues in the file. `None`: nowhere.
    next: Option<Position>,
}

/// Follows the links of an account through the entries in memory, down to position `stored`, which the file has.
fn newest_entries(
    memory: &Memory,
    name: &AccountName,
    from: Option<Position>,
    limit: usize,
    stored: Position,
) -> Newest {
    let account = memory.account(name);
    let mut newest = Newest {
        account,
        entries: Vec::new(),
        next: from.or(account.map(|account| account.last_entry)),
    };
    while let Some(position) = newest.next.filter(|position| *position > stored)
        && newest.entries.len() < limit
        && let Some(entry) = memory.entry(position)
        && let Some(leg) = entry.leg_of(name)
    {
        newest.entries.push(entry.clone());
        newest.next = (leg.previous > 0).then_some(leg.previous);
    }
    newest
}

/// Continues a page of entries in the file, by following the links of the account.
fn continue_back(
    snapshot: &Connection,
    name: &AccountName,
    page: &mut StatementPage,
    limit: usize,
    from: Option<Position>,
) -> Result<(), Fault> {
    let mut lookups = Lookups::new(snapshot)?;
    while let Some(position) = page.next
        && page.entries.len() < limit
    {
        let found = match rows::stored(position) {
            Ok(_) => lookups.entry(position)?,
            Err(_) => None,
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
    Ok(())
}
