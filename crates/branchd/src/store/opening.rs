//! Opens a ledger database for writing, which converts an older one, and tells what a database holds.

use std::path::Path;

use bank_ledger::Position;
use rusqlite::Connection;

use super::applied_state::AppliedState;
use super::error::{BooksError, Fault};
use super::files::sync_directory;
use super::older;
use super::schema;
use super::state_row::StateRow;

/// Opens the database for writing, and creates it if there is none.
pub(super) fn open_writer(path: &Path, bank_id: [u8; 16]) -> Result<(Connection, StateRow), BooksError> {
    let opening = |fault: Fault| fault.at(path, "opening the books");
    let mut connection = schema::open_or_make(path).map_err(opening)?;
    // The file is examined before any setting is changed: a file of another program must stay as it was.
    if schema::is_blank(&connection).map_err(opening)? {
        schema::create(&mut connection, bank_id).map_err(opening)?;
        sync_directory(path)?;
    }
    older::convert(&mut connection, path, bank_id)?;
    let stored = schema::examine(&connection, path, bank_id)?;
    schema::set_for_writing(&connection).map_err(opening)?;
    Ok((connection, stored))
}

/// A summary of a ledger database of any bank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents {
    pub(crate) bank_id: [u8; 16],
    pub(crate) position: Position,
    /// Whether a batch has been applied, even one without commands.
    pub(crate) has_applied: bool,
}

/// Summarizes a ledger database of any bank. `None`: nothing was ever written to the file.
///
/// # Errors
/// The file is no ledger database, is damaged, or cannot be read.
pub(crate) fn inspect(path: &Path) -> Result<Option<Contents>, BooksError> {
    let read = || -> Result<Option<Contents>, Fault> {
        let connection = schema::open_reader(path)?;
        if schema::is_blank(&connection)? {
            return Ok(None);
        }
        let stored = if schema::has_format(&connection, older::FORMAT)? {
            older::read_state(&connection)?
        } else {
            schema::read_state(&connection)?
        };
        let bank_id = stored
            .bank_id
            .try_into()
            .map_err(|_| Fault::Damaged("its bank id is not 16 bytes".to_owned()))?;
        Ok(Some(Contents {
            bank_id,
            position: stored.ledger.position,
            has_applied: stored.applied_state != AppliedState::default(),
        }))
    };
    read().map_err(|fault| fault.at(path, "reading whose books these are"))
}
