//! The scrub: checks all rows of the database while it is in use, some rows at a time.
//!
//! Entries and refusals are checked in any number of read transactions. The sum over the accounts needs one read
//! transaction for all of them. While it is open, SQLite's write-ahead log cannot start again at its beginning. If the log
//! grows too long, the transaction ends, and this round checks the accounts without their sum.

use rusqlite::Connection;

use super::audit::{AccountsAudit, Audited, Depth, EntriesAudit, RefusalsAudit, Step};
use super::error::{BooksError, Fault};
use super::pages::{LOG_GROWTH, log_bytes};
use super::reader::Reader;
use super::schema;
use super::state_row::StateRow;

/// One round of the scrub.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    entries: EntriesAudit,
    refusals: RefusalsAudit,
    accounts: AccountsAudit,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Entries,
    Refusals,
    /// The connection is in a transaction. `None`: each step has its own transaction.
    Accounts(Option<Connection>),
    Done,
}

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scrubbed {
    /// What was checked. The position is the one at the end of the round.
    pub(crate) rows: Audited,
    /// Whether the sum over the accounts was checked.
    pub(crate) summed: bool,
}

impl Scrub {
    /// Checks at most `rows_max` more rows. Returns the result at the end of the round.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn step(&mut self, reader: &Reader, rows_max: usize) -> Result<Option<Scrubbed>, BooksError> {
        match &self.phase {
            Phase::Entries => reader.read("scrubbing the entries", |connection| {
                let snapshot = connection.transaction()?;
                if self.entries.step(&snapshot, Depth::Links, rows_max)? == Step::Done {
                    self.phase = Phase::Refusals;
                }
                Ok(None)
            }),
            Phase::Refusals => reader.read("scrubbing the refusals", |connection| {
                let snapshot = connection.transaction()?;
                if self.refusals.step(&snapshot, Depth::Links, rows_max)? == Step::Done {
                    let own = schema::open_reader(reader.path())?;
                    own.execute_batch("BEGIN")?;
                    self.phase = Phase::Accounts(Some(own));
                }
                Ok(None)
            }),
            Phase::Accounts(_) => reader.read("scrubbing the accounts", |connection| {
                self.step_accounts(reader, connection, rows_max)
            }),
            Phase::Done => Ok(None),
        }
    }

    fn step_accounts(
        &mut self,
        reader: &Reader,
        connection: &mut Connection,
        rows_max: usize,
    ) -> Result<Option<Scrubbed>, Fault> {
        if matches!(self.phase, Phase::Accounts(Some(_))) && log_bytes(reader.path()) > LOG_GROWTH {
            self.accounts.states_differ = true;
            self.phase = Phase::Accounts(None);
        }
        let snapshot = connection.transaction()?;
        let of_all_steps = match &self.phase {
            Phase::Accounts(Some(own)) => own,
            _ => &snapshot,
        };
        if self.accounts.step(of_all_steps, Depth::Links, rows_max)? == Step::More {
            return Ok(None);
        }
        let state = StateRow::read(&snapshot)?;
        self.phase = Phase::Done;
        Ok(Some(Scrubbed {
            rows: Audited {
                position: state.ledger.position,
                head: state.totals.head,
                entries: self.entries.entries,
                accounts: self.accounts.accounts,
                refusals: self.refusals.refusals,
            },
            summed: !self.accounts.states_differ,
        }))
    }
}
