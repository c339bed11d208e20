//! The layout of the ledger database: its tables, its identifying marks, its state row, and the settings of each
//! connection.

use std::path::Path;
use std::time::Duration;

use bank_ledger::RequestId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{BooksError, Fault};
use super::rows;
use super::state_row::StateRow;

/// The application id in the file's header, "Pbok". `file ledger.db` shows it.
const APPLICATION_ID: i64 = 0x5062_6f6b;

/// The version of the layout below. A file of the version before it is converted, and any other is refused.
pub(super) const FORMAT: i64 = 2;

/// How long to wait for another program that holds the file's write lock. A query that a person types takes less time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer's page cache, in KiB. Request ids that rise with time touch only the right edge of two trees, so a small
/// cache is enough. Random ids touch pages everywhere and are slower. No fixed size would be enough for them.
const WRITER_CACHE_KIB: i64 = 2048;

/// A reader's page cache, in KiB. It holds the tree pages that one statement passes.
const READER_CACHE_KIB: i64 = 256;

/// The size to which SQLite cuts the write-ahead log after a long read or a snapshot has let it grow, in bytes.
const WAL_BYTES_KEPT: i64 = 32 << 20;

/// The number of statements that a connection keeps prepared. It is larger than the number of different statements.
const STATEMENTS_KEPT: usize = 32;

/// The tables. People read them through the view `statement`, so kinds and reasons are words. An entry links to the
/// previous entry of each account that it changes (0: none). An index on accounts instead would triple the cost of a
/// deposit. An account links to the next name in the order of names, so that the absence of a name can be proved.
const TABLES: &str = "
CREATE TABLE entries (
  position INTEGER PRIMARY KEY,
  request_id BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  previous INTEGER NOT NULL,
  counter_account TEXT,
  counter_balance INTEGER,
  counter_previous INTEGER,
  time_us INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE accounts (
  name TEXT PRIMARY KEY,
  balance INTEGER NOT NULL,
  last_entry INTEGER NOT NULL,
  next_name TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE refusals (
  number INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  request_id BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL,
  counter_account TEXT,
  reason TEXT NOT NULL,
  refused_account TEXT NOT NULL,
  balance INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE seals (
  position INTEGER PRIMARY KEY,
  entries INTEGER NOT NULL,
  head BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE state (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  position INTEGER NOT NULL,
  digest BLOB NOT NULL,
  bank_id BLOB NOT NULL,
  applied BLOB,
  membership BLOB,
  accounts INTEGER NOT NULL,
  accounts_sum BLOB NOT NULL,
  first_name TEXT NOT NULL,
  entries INTEGER NOT NULL,
  newest_entry INTEGER NOT NULL,
  head BLOB NOT NULL,
  newest_refusal INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
";

pub(super) fn tables() -> &'static str {
    #[cfg(feature = "planted-bugs")]
    return crate::planted::tables(TABLES);
    #[cfg(not(feature = "planted-bugs"))]
    TABLES
}

/// Opens a connection for writing. A file that does not exist is made, and stays blank.
pub(super) fn open_or_make(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    connect(path, flags, WRITER_CACHE_KIB)
}

/// Opens an existing database for writing, without the settings of the branch's own one.
pub(super) fn open_existing(path: &Path) -> Result<Connection, Fault> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE_KIB)
}

/// Whether this is a ledger database of the given format.
pub(super) fn has_format(connection: &Connection, format: i64) -> Result<bool, Fault> {
    Ok(number(connection, "application_id")? == APPLICATION_ID && number(connection, "user_version")? == format)
}

/// Opens the database for reading. It never creates or changes a file.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)
}

/// Checks that the file is a ledger database of this bank in the known layout, and reads its state.
pub(super) fn examine(connection: &Connection, path: &Path, bank_id: [u8; 16]) -> Result<StateRow, BooksError> {
    let examining = |fault: Fault| fault.at(path, "examining the books");
    let application_id = number(connection, "application_id").map_err(examining)?;
    if application_id != APPLICATION_ID {
        return Err(BooksError::NotBooks {
            path: path.to_owned(),
            what: format!("its application id is {application_id:#x}, not {APPLICATION_ID:#x}"),
        });
    }
    let found = number(connection, "user_version").map_err(examining)?;
    if found != FORMAT {
        return Err(BooksError::OtherFormat {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    check_tables(connection).map_err(examining)?;
    let stored = read_state(connection).map_err(examining)?;
    check_bank(path, &stored.bank_id, bank_id)?;
    Ok(stored)
}

/// Checks that a file belongs to the bank.
pub(super) fn check_bank(path: &Path, theirs: &[u8], ours: [u8; 16]) -> Result<(), BooksError> {
    if theirs == ours {
        return Ok(());
    }
    Err(BooksError::OtherBank {
        path: path.to_owned(),
        theirs: hexadecimal(theirs),
        ours: hexadecimal(&ours),
    })
}

/// The highest request id that is remembered.
pub(super) fn highest_id(connection: &Connection) -> Result<Option<RequestId>, Fault> {
    let highest: Option<[u8; 16]> = connection.query_row(
        "SELECT max(highest) FROM (SELECT max(request_id) AS highest FROM entries \
         UNION ALL SELECT max(request_id) FROM refusals)",
        (),
        |row| row.get(0),
    )?;
    Ok(highest.map(RequestId))
}

/// Reads and verifies the state row, without checking the bank. The newest entry and the newest refusal must be those that
/// it names.
pub(super) fn read_state(connection: &Connection) -> Result<StateRow, Fault> {
    let state = StateRow::read(connection)?;
    let newest = "SELECT (SELECT max(position) FROM entries), (SELECT max(number) FROM refusals)";
    let (entry, refusal): (Option<i64>, Option<i64>) =
        connection.query_row(newest, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let totals = &state.totals;
    if entry.unwrap_or(0) != rows::stored(totals.newest_entry)? {
        return Err(Fault::Damaged(format!(
            "table entries, row {}: it is not the newest one, as the state says",
            totals.newest_entry
        )));
    }
    if refusal.unwrap_or(0) != totals.newest_refusal {
        return Err(Fault::Damaged(format!(
            "table refusals, row {}: it is not the newest one, as the state says",
            totals.newest_refusal
        )));
    }
    if totals.newest_entry > state.ledger.position {
        return Err(Fault::Damaged(format!(
            "the newest entry is at {}, past the position {}",
            totals.newest_entry, state.ledger.position
        )));
    }
    Ok(state)
}

/// Applies the settings of the writing connection.
pub(super) fn set_for_writing(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Damaged(format!(
            "its journal mode stays {mode:?}, and \"wal\" is needed"
        )));
    }
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    Ok(())
}

/// Switches SQLite's own checkpoint at the close of the last connection on or off. On is right only if the write-ahead
/// log is already in the database file. SQLite then only removes the log.
pub(super) fn set_checkpoint_on_close(connection: &Connection, on: bool) -> Result<(), Fault> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on)?;
    Ok(())
}

/// The size of a page, in bytes.
pub(super) fn page_size(connection: &Connection) -> Result<i64, Fault> {
    number(connection, "page_size")
}

/// The number of pages.
pub(super) fn page_count(connection: &Connection) -> Result<i64, Fault> {
    number(connection, "page_count")
}

fn connect(path: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, Fault> {
    // URI names stay off, so that every character of a path is taken literally.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // SQLite's own checkpoints drop their errors. `checkpoint` does them instead.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    set_checkpoint_on_close(&connection, false)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    Ok(connection)
}

/// Whether nothing was ever committed to the file. It is new, or its creator was killed before the first commit.
pub(super) fn is_blank(connection: &Connection) -> Result<bool, Fault> {
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(objects == 0 && number(connection, "application_id")? == 0 && number(connection, "user_version")? == 0)
}

/// Creates the tables and the state in one transaction. A crash in the middle leaves a blank file.
pub(super) fn create(connection: &mut Connection, bank_id: [u8; 16]) -> Result<(), Fault> {
    set_for_writing(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(tables())?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    StateRow::new(bank_id).write(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Checks that the tables have the layout above. Additional indexes and views are allowed. A trigger is not, because it
/// would write.
fn check_tables(connection: &Connection) -> Result<(), Fault> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(tables())?;
    let found = objects(connection)?;
    for table in objects(&model)? {
        if !found.contains(&table) {
            return Err(Fault::Damaged(format!("its table {} is not as it was made", table.1)));
        }
    }
    match found.iter().find(|object| object.0 == "trigger") {
        Some(trigger) => Err(Fault::Damaged(format!("it has a trigger, {}", trigger.1))),
        None => Ok(()),
    }
}

/// The type, name and SQL text of each object in the database.
fn objects(connection: &Connection) -> Result<Vec<(String, String, String)>, Fault> {
    let mut statement = connection.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn number(connection: &Connection, pragma: &str) -> Result<i64, Fault> {
    Ok(connection.pragma_query_value(None, pragma, |row| row.get(0))?)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
