//! The ledger: what a command does to the books, and what the customer is told of it.
//!
//! Data in, data out. Nothing here knows a file, a socket, a clock or a random number, so that every branch that
//! applies the same commands in the same order reaches the same books, and so that the rules can be read in one
//! sitting: the words in [`command`], [`outcome`] and [`entry`], the rules in [`mod@apply`]. Where the books are kept
//! is the caller's matter, behind [`Books`]; [`MemoryBooks`] keeps them in memory.

pub mod account;
pub mod apply;
pub mod books;
pub mod command;
pub mod digest;
pub mod entry;
pub mod memory;
pub mod outcome;

pub use account::{Account, AccountName, AccountNameError, MAIN};
pub use apply::{Applied, Ledger};
pub use books::{Books, REFUSALS_REMEMBERED_MAX, Remembered};
pub use command::{Action, Amount, AmountError, Command, RequestId};
pub use digest::{Digest, DigestRule};
pub use entry::{Entry, Leg};
pub use memory::MemoryBooks;
pub use outcome::{Outcome, Position, Refusal};
