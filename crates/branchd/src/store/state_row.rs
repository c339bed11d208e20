//! The state row of the ledger database: the position, the digest, the caller's state, and what all rows together must
//! come to.

use bank_ledger::{Account, AccountName, ChainHead, Ledger, Position};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::applied_state::AppliedState;
use super::checksum::{self, Table};
use super::error::Fault;
use super::rows;

/// The columns of the state row, the checksum last.
const COLUMNS: &str = "only, position, digest, bank_id, applied, membership, accounts, accounts_sum, first_name, \
                       entries, newest_entry, head, newest_refusal, checksum";

/// What all rows together must come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// The number of accounts.
    pub(super) accounts: u64,
    /// The wrapping sum of [`checksum::of_account`] over all accounts.
    pub(super) accounts_sum: u128,
    /// The first name in the order of names. Empty: there is no account.
    pub(super) first_name: String,
    /// The number of entries.
    pub(super) entries: u64,
    /// The position of the newest entry. 0: there is none.
    pub(super) newest_entry: Position,
    /// The head of the chain of entries after the newest entry.
    pub(super) head: ChainHead,
    /// The number of the newest refusal. 0: there is none.
    pub(super) newest_refusal: i64,
}

impl Totals {
    /// Changes the sum over the accounts. `None` stands for an account that does not exist.
    pub(super) fn account_changes(&mut self, name: &AccountName, before: Option<Account>, after: Account) {
        match before {
            Some(before) => {
                self.accounts_sum = self.accounts_sum.wrapping_sub(checksum::of_account(name, before));
            }
            None => self.accounts += 1,
        }
        self.accounts_sum = self.accounts_sum.wrapping_add(checksum::of_account(name, after));
    }
}

/// The state row.
#[derive(Debug, Clone)]
pub(super) struct StateRow {
    pub(super) ledger: Ledger,
    pub(super) bank_id: Vec<u8>,
    pub(super) applied_state: AppliedState,
    pub(super) totals: Totals,
}

impl StateRow {
    /// The state of a new database.
    pub(super) fn new(bank_id: [u8; 16]) -> Self {
        Self {
            ledger: Ledger::default(),
            bank_id: bank_id.to_vec(),
            applied_state: AppliedState::default(),
            totals: Totals::default(),
        }
    }

    /// Reads and verifies the state row.
    ///
    /// # Errors
    /// The row is missing or damaged, or cannot be read.
    pub(super) fn read(connection: &Connection) -> Result<Self, Fault> {
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM state"))?;
        let found = statement.query_row((), |row| Ok(Self::parse(row))).optional()?;
        found.unwrap_or_else(|| Err(Fault::Damaged("table state: the state is missing".to_owned())))
    }

    fn parse(row: &Row<'_>) -> Result<Self, Fault> {
        checksum::verify(Table::State, row)?;
        let sum: [u8; 16] = row.get(7)?;
        let count = |column: i64| u64::try_from(column).map_err(|_| Fault::Damaged(format!("a count is {column}")));
        Ok(Self {
            ledger: rows::ledger(row.get(1)?, &row.get::<_, Vec<u8>>(2)?)?,
            bank_id: row.get(3)?,
            applied_state: AppliedState {
                applied: row.get(4)?,
                membership: row.get(5)?,
            },
            totals: Totals {
                accounts: count(row.get(6)?)?,
                accounts_sum: u128::from_be_bytes(sum),
                first_name: row.get(8)?,
                entries: count(row.get(9)?)?,
                newest_entry: rows::position(row.get(10)?)?,
                head: ChainHead(row.get(11)?),
                newest_refusal: row.get(12)?,
            },
        })
    }

    /// Writes the state row, in the transaction that is open on the connection.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), Fault> {
        let sum = self.totals.accounts_sum.to_be_bytes();
        let AppliedState { applied, membership } = &self.applied_state;
        let columns = [
            ValueRef::Integer(1),
            ValueRef::Integer(rows::stored(self.ledger.position)?),
            ValueRef::Blob(&self.ledger.digest.0),
            ValueRef::Blob(&self.bank_id),
            applied.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
            membership.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
            ValueRef::Integer(self.totals.accounts.cast_signed()),
            ValueRef::Blob(&sum),
            ValueRef::Text(self.totals.first_name.as_bytes()),
            ValueRef::Integer(self.totals.entries.cast_signed()),
            ValueRef::Integer(rows::stored(self.totals.newest_entry)?),
            ValueRef::Blob(&self.totals.head.0),
            ValueRef::Integer(self.totals.newest_refusal),
        ];
        let mut statement = connection.prepare_cached(&format!(
            "INSERT OR REPLACE INTO state ({COLUMNS}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        ))?;
        checksum::write(&mut statement, Table::State, columns)
    }
}
