//! Checks a whole ledger database that no branch uses, without changing it.

use std::path::Path;

use bank_ledger::{ChainHead, Position};
use rusqlite::Connection;

use super::applied_state::AppliedState;
use super::audit::{self, Audited, Depth, find_seal};
use super::error::{BooksError, Fault};
use super::rows;
use super::schema;
use super::verify;

/// A ledger database that is open for a complete check.
#[derive(Debug)]
pub(crate) struct OfflineBooks<'p> {
    connection: Connection,
    path: &'p Path,
    /// What the branch stored with the ledger.
    pub(crate) applied_state: AppliedState,
}

impl<'p> OfflineBooks<'p> {
    /// Opens the database of a bank.
    ///
    /// # Errors
    /// The file belongs to another bank, has another format, is no ledger database, is damaged, or cannot be read.
    pub(crate) fn open(path: &'p Path, bank_id: [u8; 16]) -> Result<Self, BooksError> {
        let opening = |fault: Fault| fault.at(path, "opening the books");
        let connection = schema::open_reader(path).map_err(opening)?;
        connection
            .execute_batch("BEGIN")
            .map_err(|error| opening(error.into()))?;
        let applied_state = schema::examine(&connection, path, bank_id)?.applied_state;
        Ok(Self {
            connection,
            path,
            applied_state,
        })
    }

    /// Checks every page, tree and index by SQLite's own check.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn check_pages(&self) -> Result<(), BooksError> {
        verify::all_pages(&self.connection).map_err(|fault| fault.at(self.path, "checking the pages of the books"))
    }

    /// Checks all rows.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn check_rows(&self) -> Result<Audited, BooksError> {
        audit::whole(&self.connection, Depth::Links)
            .map_err(|fault| fault.at(self.path, "checking the rows of the books"))
    }

    /// The head of the chain of entries at a position, computed from the entries after the nearest seal. `None`: the
    /// position is past the state.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn head_at(&self, position: Position) -> Result<Option<ChainHead>, BooksError> {
        head_at(&self.connection, position).map_err(|fault| fault.at(self.path, "computing the head of the entries"))
    }
}

fn head_at(connection: &Connection, position: Position) -> Result<Option<ChainHead>, Fault> {
    if position > schema::read_state(connection)?.ledger.position {
        return Ok(None);
    }
    let seal = find_seal(
        connection,
        "WHERE position <= ?1 ORDER BY position DESC LIMIT 1",
        position,
    )?;
    let (from, mut head) = seal.map_or((0, ChainHead::default()), |seal| (seal.position, seal.head));
    let mut statement = connection.prepare(&format!(
        "SELECT {} FROM entries WHERE position > ?1 AND position <= ?2 ORDER BY position",
        rows::ENTRY_COLUMNS
    ))?;
    let mut found = statement.query((rows::stored(from)?, rows::stored(position)?))?;
    while let Some(row) = found.next()? {
        head = head.after(&rows::entry(row)?);
    }
    Ok(Some(head))
}
