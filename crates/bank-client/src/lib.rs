//! What a customer's program needs to speak with a bank: sessions, levels, retries under the same request id, deadlines
//! and the addresses of branches. It knows nothing of how a bank keeps its books.
//!
//! In reading order: where branches are ([`Address`], [`bank_file`]), what a customer has seen and asks for
//! ([`session`], [`level`]), what comes back ([`reply`], [`failure`], [`error`]), and how it is asked ([`client`],
//! [`statement`], [`follow`]). [`operator`] founds a bank and asks how a branch is.

pub mod bank_file;
pub mod client;
pub mod error;
pub mod failure;
pub mod follow;
pub mod level;
pub mod operator;
pub mod reply;
pub mod session;
pub mod statement;

mod attempts;
mod backoff;
mod branches;
mod wire;

pub use bank_file::{BankFile, BankFileError, Branch, UnknownBranch};
pub use bank_types::{Address, AddressError};
pub use client::{Client, ClientOptions};
pub use error::{ReadError, WriteError};
pub use failure::{Failure, Fate, Place};
pub use follow::{Follow, News};
pub use level::{Level, Propagation, ReadNeed};
pub use reply::{Account, AccountPage, Decision, Entry, EntryKind, Outcome, Refusal, Reply};
pub use session::{Action, PendingWrite, Session, SessionBreach};
pub use statement::Statement;
