//! The interface to the books: the state that the ledger reads and records.

use bank_types::{AccountName, RequestId};

use crate::account::Account;
use crate::entry::Entry;
use crate::outcome::Remembered;

/// Number of refusals that are remembered, the newest ones. An accepted write is remembered as long as its entry
/// exists. A refusal leaves no entry, so without a bound a flood of refused writes would grow the books without end. A
/// retry comes within seconds; at 10,000 refusals a second this bound is more than a minute of them.
pub const REFUSALS_REMEMBERED_MAX: u64 = 1 << 20;

/// The state that [`Ledger::apply`](crate::Ledger::apply) reads and records. All calls of one command take effect
/// together; if one of them fails, the books must not be used any more.
pub trait Books {
    /// Error of reading or recording. [`std::convert::Infallible`] for books in memory.
    type Error;

    /// The account with this name, if it exists.
    ///
    /// # Errors
    /// The books cannot be read.
    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, Self::Error>;

    /// The decision on this request id, if it is remembered.
    ///
    /// # Errors
    /// The books cannot be read.
    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, Self::Error>;

    /// Adds an entry. The accounts that it touches get its balances, and it becomes their last entry.
    ///
    /// # Errors
    /// The books cannot be written.
    fn record_entry(&mut self, entry: Entry) -> Result<(), Self::Error>;

    /// Remembers a refusal, and forgets the oldest one if there are more than [`REFUSALS_REMEMBERED_MAX`].
    ///
    /// # Errors
    /// The books cannot be written.
    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), Self::Error>;
}
