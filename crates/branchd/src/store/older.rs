//! Conversion of a ledger database of the format before this one, in place and in one transaction.
//!
//! Format 1 has the same rows without checksums, without the next names, and without the totals in the state. So it cannot
//! show damage inside a row. Rows that contradict each other are refused.

use std::path::Path;
use std::time::Instant;

use bank_ledger::Account;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::applied_state::AppliedState;
use super::audit::{self, Depth};
use super::error::{BooksError, Fault};
use super::lookups::Lookups;
use super::row_writer::RowWriter;
use super::rows;
use super::schema;
use super::state_row::{StateRow, Totals};

/// The format that can be converted.
pub(super) const FORMAT: i64 = 1;

const ENTRIES: &str = "SELECT position, request_id, kind, account, amount, balance, previous, counter_account, \
                       counter_balance, counter_previous, time_us FROM entries_1 ORDER BY position";
const ACCOUNTS: &str = "SELECT name, balance, last_entry FROM accounts_1 ORDER BY name";
const REFUSALS: &str = "SELECT number, position, request_id, kind, account, amount, counter_account, reason, \
                        refused_account, balance FROM refusals_1 ORDER BY number";

/// Sets the old tables aside. With `legacy_alter_table`, views keep the names that they have, so they show the new tables.
const SET_ASIDE: &str = "
ALTER TABLE entries RENAME TO entries_1;
ALTER TABLE accounts RENAME TO accounts_1;
ALTER TABLE refusals RENAME TO refusals_1;
ALTER TABLE state RENAME TO state_1;";

const DROP: &str = "DROP TABLE entries_1; DROP TABLE accounts_1; DROP TABLE refusals_1; DROP TABLE state_1;";

/// Converts the database if it has format 1. A crash in the middle leaves format 1.
///
/// # Errors
/// The file belongs to another bank, is damaged, or cannot be written. It is then unchanged.
pub(super) fn convert(connection: &mut Connection, path: &Path, bank_id: [u8; 16]) -> Result<(), BooksError> {
    let converting = |fault: Fault| fault.at(path, "converting the books from format 1");
    if !schema::has_format(connection, FORMAT).map_err(converting)? {
        return Ok(());
    }
    let theirs = read_state(connection).map_err(converting)?.bank_id;
    schema::check_bank(path, &theirs, bank_id)?;
    let begun = Instant::now();
    let entries = convert_in_one_transaction(connection).map_err(converting)?;
    let (books, took) = (path.display(), begun.elapsed());
    tracing::info!(%books, entries, ?took, "the books were converted from format 1 to format 2");
    Ok(())
}

/// Converts a received snapshot, which may come from a branch of an earlier version.
///
/// # Errors
/// As for [`convert`].
pub(super) fn convert_snapshot(path: &Path, bank_id: [u8; 16]) -> Result<(), BooksError> {
    let opening = |fault: Fault| fault.at(path, "opening the incoming books");
    if !schema::has_format(&schema::open_reader(path).map_err(opening)?, FORMAT).map_err(opening)? {
        return Ok(());
    }
    convert(&mut schema::open_existing(path).map_err(opening)?, path, bank_id)
}

fn convert_in_one_transaction(connection: &mut Connection) -> Result<u64, Fault> {
    connection.pragma_update(None, "legacy_alter_table", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let old = read_state(&transaction)?;
    transaction.execute_batch(SET_ASIDE)?;
    transaction.execute_batch(schema::tables())?;
    old.write(&transaction)?;
    let totals = copy_rows(&transaction)?;
    if totals.newest_entry > old.ledger.position {
        return Err(Fault::Damaged(format!(
            "the newest entry is at {}, past the position {}",
            totals.newest_entry, old.ledger.position
        )));
    }
    let entries = totals.entries;
    StateRow { totals, ..old }.write(&transaction)?;
    audit::whole(&transaction, Depth::Links)?;
    transaction.execute_batch(DROP)?;
    transaction.pragma_update(None, "user_version", schema::FORMAT)?;
    transaction.commit()?;
    connection.pragma_update(None, "legacy_alter_table", false)?;
    Ok(entries)
}

fn copy_rows(connection: &Connection) -> Result<Totals, Fault> {
    let mut lookups = Lookups::new(connection)?;
    let mut writer = RowWriter::new(connection)?;
    let mut statement = connection.prepare(ENTRIES)?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        writer.entry(&rows::entry_columns(row)?)?;
    }
    let mut statement = connection.prepare(ACCOUNTS)?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let account = Account {
            balance: row.get(1)?,
            last_entry: rows::position(row.get(2)?)?,
        };
        writer.account(&mut lookups, &rows::account_name(&row.get::<_, String>(0)?)?, account)?;
    }
    let mut statement = connection.prepare(REFUSALS)?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let row = rows::refusal_columns(row)?;
        writer.refusal(row.number, row.request_id, &row.refused)?;
    }
    Ok(writer.into_totals())
}

/// Reads the state row of format 1. The totals are empty.
pub(super) fn read_state(connection: &Connection) -> Result<StateRow, Fault> {
    let row = connection
        .query_row(
            "SELECT position, digest, bank_id, applied, membership FROM state",
            (),
            |row| {
                let applied_state = AppliedState {
                    applied: row.get(3)?,
                    membership: row.get(4)?,
                };
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get(2)?,
                    applied_state,
                ))
            },
        )
        .optional()?;
    let Some((position, digest, bank_id, applied_state)) = row else {
        return Err(Fault::Damaged("table state: the state is missing".to_owned()));
    };
    Ok(StateRow {
        ledger: rows::ledger(position, &digest)?,
        bank_id,
        applied_state,
        totals: Totals::default(),
    })
}
