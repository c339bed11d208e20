//! The ledger: the rules by which the bank decides each command, and what an accepted command does to the books.
//!
//! The crate is pure: it reads no file, no socket, no clock and no random number. Every branch that applies the same
//! commands in the same order therefore reaches the same books.
//!
//! In reading order: commands and decisions ([`command`], [`outcome`]), the books ([`account`], [`entry`], [`books`]),
//! and the rules ([`mod@apply`]). The caller decides where the books are kept and implements [`Books`]; [`MemoryBooks`]
//! keeps them in memory. [`digest`] is a hash over every decision, by which branches compare their books. [`chain`] is a
//! hash over the entries alone, which can be recomputed from them.
//!
//! ```
//! use bank_ledger::{AccountName, Action, Amount, Command, Ledger, MemoryBooks, Outcome, Refusal, RequestId};
//!
//! let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
//! let mut apply = |id, action| {
//!     let command = Command { request_id: RequestId([id; 16]), time_us: 0, action };
//!     ledger.apply(&mut books, command).expect("books in memory do not fail")
//! };
//! let (account, amount) = (AccountName::main(), Amount::new(150)?);
//!
//! // The first command of every journal opens `main`.
//! assert_eq!(apply(1, Action::Found { opening_balance: 100 }).outcome, Outcome::Accepted { balance: 100 });
//!
//! let withdraw = Action::Withdraw { account: account.clone(), amount };
//! let refusal = Refusal::InsufficientFunds { account: account.clone(), balance: 100 };
//! assert_eq!(apply(2, withdraw).outcome, Outcome::Refused(refusal));
//!
//! // A request id that is sent again gets the first decision; the money moves once.
//! let deposit = Action::Deposit { account: account.clone(), amount };
//! let first = apply(3, deposit.clone());
//! let again = apply(3, deposit);
//! assert!(again.repeated && again.position == first.position);
//! assert_eq!(books.accounts()[&account].balance, 250);
//! # Ok::<(), bank_ledger::AmountError>(())
//! ```

pub mod account;
pub mod apply;
pub mod books;
pub mod chain;
pub mod command;
pub mod digest;
pub mod entry;
pub mod memory;
pub mod outcome;

pub use account::Account;
pub use apply::Ledger;
pub use bank_types::{AccountName, AccountNameError, Amount, AmountError, MAIN, Position, RefusalReason, RequestId};
pub use books::{Books, REFUSALS_REMEMBERED_MAX};
pub use chain::{ChainHead, ChainHeadError};
pub use command::{Action, Command};
pub use digest::{Digest, DigestRule};
pub use entry::{Entry, Leg};
pub use memory::MemoryBooks;
pub use outcome::{Applied, Outcome, Refusal, Remembered};
