//! A client for customers and operators of a bank: sessions, consistency levels, retries under one request id,
//! deadlines, and the addresses of branches. It knows nothing of how a bank keeps its books.
//!
//! In reading order: where the branches are ([`bank_file`], and [`file_kind`] for files that are given in its place),
//! what secures the connections to them ([`security`], and [`security_files`] for the files of a command line),
//! what a customer has seen and what a read needs ([`session`], [`read_need`]), what comes back ([`reply`], [`failure`],
//! [`error`], [`progress`]), and the calls ([`client`], [`statement`], [`submit`], [`follow`]). [`operator`] has the calls
//! that found a bank, change its branches, and ask for a status or a journal.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use bank_client::{BankFile, Client, ClientOptions, Level, Propagation, Session};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bank = BankFile::load(Path::new("bank.json"))?;
//! let client = Client::of_bank(&bank, ClientOptions::default());
//! let mut session = Session::default();
//!
//! // Branch 1 takes the deposit. It is retried under one request id until the deadline, and applied at most once.
//! let deposit = client.deposit(Some(1), &mut session, Propagation::Quorum, "main", 100).await?;
//! println!("decided at position {}: {:?}", deposit.position, deposit.value.outcome);
//!
//! // Branch 2 answers from a state that includes everything that the session has written and read, or not at all.
//! let balance = client.query(Some(2), &mut session, Level::Session, "main").await?;
//! println!("balance {} at position {}", balance.value, balance.position);
//! # Ok(())
//! # }
//! ```

pub mod bank_file;
pub mod client;
pub mod error;
pub mod failure;
pub mod file_kind;
pub mod follow;
pub mod operator;
pub mod progress;
pub mod read_need;
pub mod reply;
pub mod security;
pub mod security_files;
pub mod session;
pub mod statement;
pub mod submit;

mod attempts;
mod backoff;
mod branches;
mod connection;
mod new_writes;
mod wire;

pub use bank_file::{BankFile, BankFileError, Branch, UnknownBranch};
pub use bank_types::{
    AccountName, Address, AddressError, Amount, Certainty, Level, Propagation, RefusalReason, RequestId, Write,
};
pub use client::{Client, ClientOptions};
pub use error::{ReadError, WriteError};
pub use failure::{Failure, Place};
pub use file_kind::FileKind;
pub use follow::{Follow, News};
pub use operator::{Operator, OperatorError};
pub use progress::Progress;
pub use read_need::ReadNeed;
pub use reply::{Account, AccountPage, Decision, Entry, EntryKind, Outcomes, Reply, StreamedOutcome, WriteOutcome};
pub use security::{Security, Token};
pub use security_files::{SecurityError, SecurityFiles};
pub use session::{PendingWrite, Session, SessionBreach};
pub use statement::Statement;
pub use submit::{Submission, SubmitError, SubmitOptions};
