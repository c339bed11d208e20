//! Checksums of rows, and the parts of the sum over the accounts.
//!
//! They are XXH3 hashes without a key: fast, and made against accidents. A person who changes a row can compute its new
//! checksum as well. The chain of entries ([`bank_ledger::ChainHead`]) is made against that.

use bank_ledger::{Account, AccountName};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, Statement, params_from_iter};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::error::Fault;

/// A table of the ledger database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Entries,
    Accounts,
    Refusals,
    Seals,
    State,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Accounts => "accounts",
            Self::Refusals => "refusals",
            Self::Seals => "seals",
            Self::State => "state",
        }
    }
}

/// The bytes of a usual row.
const ROW_BYTES: usize = 256;

/// The checksum of a row, over the name of its table and all other columns. Every column has its type and length before
/// it, so that no two rows give the same bytes.
pub(super) fn of_row<'a>(table: Table, columns: impl IntoIterator<Item = ValueRef<'a>>) -> i64 {
    let mut bytes = Vec::with_capacity(ROW_BYTES);
    bytes.extend_from_slice(table.name().as_bytes());
    let mut add = |kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value);
    };
    for column in columns {
        match column {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(value) => add(1, &value.to_le_bytes()),
            ValueRef::Real(value) => add(2, &value.to_le_bytes()),
            ValueRef::Text(value) => add(3, value),
            ValueRef::Blob(value) => add(4, value),
        }
    }
    xxh3_64(&bytes).cast_signed()
}

/// Verifies a row that was read. Its first column is the key, its last column is the checksum of all others.
///
/// # Errors
/// [`Fault::Damaged`], which names table and row, if the checksum is another.
pub(super) fn verify(table: Table, row: &Row<'_>) -> Result<(), Fault> {
    let last = row.as_ref().column_count().saturating_sub(1);
    let columns: Vec<ValueRef<'_>> = (0..last).map(|at| row.get_ref(at)).collect::<Result<_, _>>()?;
    let key = columns.first().copied();
    if row.get_ref(last)? == ValueRef::Integer(of_row(table, columns)) {
        return Ok(());
    }
    let key = match key {
        Some(ValueRef::Integer(key)) => key.to_string(),
        Some(ValueRef::Text(key)) => String::from_utf8_lossy(key).into_owned(),
        _ => "without a key".to_owned(),
    };
    let table = table.name();
    Err(Fault::Damaged(format!(
        "table {table}, row {key}: its checksum does not fit its content"
    )))
}

/// Executes a statement that writes a row. Its parameters are the columns, and then their checksum.
///
/// # Errors
/// The database cannot be written, or the statement did not write exactly one row, which is damage.
pub(super) fn write<'a, const N: usize>(
    statement: &mut Statement<'_>,
    table: Table,
    columns: [ValueRef<'a>; N],
) -> Result<(), Fault> {
    let checksum = ValueRef::Integer(of_row(table, columns));
    let values = columns.into_iter().chain([checksum]).map(ToSqlOutput::Borrowed);
    if statement.execute(params_from_iter(values))? == 1 {
        return Ok(());
    }
    let table = table.name();
    Err(Fault::Damaged(format!(
        "table {table}: a row that is to be changed is not there"
    )))
}

/// The part of an account in the sum over all accounts. The sum does not depend on the order of the accounts.
pub(super) fn of_account(name: &AccountName, account: Account) -> u128 {
    let mut bytes = Vec::with_capacity(ROW_BYTES);
    bytes.extend_from_slice(&account.balance.to_le_bytes());
    bytes.extend_from_slice(&account.last_entry.to_le_bytes());
    bytes.extend_from_slice(name.as_str().as_bytes());
    xxh3_128(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_depends_on_table_type_length_and_order() {
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        let rows: [(Table, Vec<ValueRef<'_>>); 7] = [
            (Table::Entries, vec![text("ab"), text("c")]),
            (Table::Entries, vec![text("a"), text("bc")]),
            (Table::Entries, vec![text("c"), text("ab")]),
            (Table::Accounts, vec![text("ab"), text("c")]),
            (Table::Entries, vec![ValueRef::Blob(b"ab"), text("c")]),
            (Table::Entries, vec![text("ab"), text("c"), ValueRef::Null]),
            (Table::Entries, vec![text("ab"), ValueRef::Integer(99)]),
        ];
        let sums: std::collections::BTreeSet<i64> = rows
            .into_iter()
            .map(|(table, columns)| of_row(table, columns))
            .collect();
        assert_eq!(sums.len(), 7);
    }
}
