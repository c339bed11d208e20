//! The view `statement` of the ledger database, for people who read the file with a program of their own. No code of
//! this program reads it, so it is no part of the format: a file without it, or with another one, is as good.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::error::{BooksError, Fault};

/// The view. It has the entries with names and ids as text, in the order of their positions. Times are in UTC.
const VIEW: &str = "CREATE VIEW statement AS SELECT
  position,
  strftime('%Y-%m-%d %H:%M:%f', time_us / 1000000.0, 'unixepoch') AS time,
  kind AS action,
  account,
  amount,
  balance,
  counter_account AS to_account,
  counter_balance AS to_balance,
  lower(substr(hex(request_id), 1, 8) || '-' || substr(hex(request_id), 9, 4) || '-' || substr(hex(request_id), 13, 4)
    || '-' || substr(hex(request_id), 17, 4) || '-' || substr(hex(request_id), 21)) AS request_id
FROM entries ORDER BY position";

/// Makes the view, or replaces a view of another version. If that fails on a sound disk, or because the disk is full,
/// only the log says so: the view is made at a later start.
///
/// # Errors
/// The disk failed.
pub(super) fn ensure(connection: &mut Connection, path: &Path) -> Result<(), BooksError> {
    let Err(fault) = make(connection) else { return Ok(()) };
    let error = fault.at(path, "making the view `statement`");
    if error.is_final() && !matches!(error, BooksError::Full { .. }) {
        return Err(error);
    }
    tracing::warn!(%error, "the books have no view `statement` for now");
    Ok(())
}

fn make(connection: &mut Connection) -> Result<(), Fault> {
    let found = "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = 'statement'";
    let found: Option<String> = connection.query_row(found, (), |row| row.get(0)).optional()?;
    if found.as_deref() == Some(VIEW) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("DROP VIEW IF EXISTS statement")?;
    transaction.execute_batch(VIEW)?;
    Ok(transaction.commit()?)
}
