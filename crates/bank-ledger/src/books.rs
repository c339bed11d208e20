//! Where the ledger keeps what it knows.

use crate::{Account, AccountName, Action, Entry, Outcome, Position, RequestId};

/// How many refusals are remembered, the newest. An accepted write is remembered for as long as its entry stands; a
/// refusal leaves no entry, so that a flood of refused writes must not grow the books without end. A retry comes
/// within seconds; at 10,000 refusals a second this is more than a minute of them.
pub const REFUSALS_REMEMBERED_MAX: u64 = 1 << 20;

/// A request id that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Where in the journal it was decided.
    pub position: Position,
    /// What it asked.
    pub action: Action,
    /// What was decided: never [`Outcome::IdReused`].
    pub outcome: Outcome,
}

/// What [`Ledger::apply`](crate::Ledger::apply) reads and records. All of one command's calls take effect together, or
/// the books are given up.
pub trait Books {
    /// What can go wrong in reading or recording. [`std::convert::Infallible`] in memory.
    type Error;

    /// The account of the name, if there is one.
    ///
    /// # Errors
    /// The books cannot be read.
    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Self::Error>;

    /// What was decided about the id, if it is remembered.
    ///
    /// # Errors
    /// The books cannot be read.
    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Self::Error>;

    /// Adds an entry: the accounts it touches have its balances, and it as their last, from now on.
    ///
    /// # Errors
    /// The books cannot be written.
    fn record_entry(&mut self, entry: Entry) -> Result<(), Self::Error>;

    /// Remembers a refusal, and forgets the oldest past [`REFUSALS_REMEMBERED_MAX`].
    ///
    /// # Errors
    /// The books cannot be written.
    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), Self::Error>;
}
