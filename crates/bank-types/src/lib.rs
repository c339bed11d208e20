//! The vocabulary of the bank: the types that its programs and files have in common, each defined once.
//!
//! A type checks its values where they are made, and has one spelling for text (`Display`, `FromStr`) and for JSON
//! (`serde`). Words in JSON are written in kebab-case. The crate holds no rules of the bank and does no I/O.
//!
//! In reading order:
//!
//! - [`AccountName`], [`Amount`], [`Position`], [`RequestId`], [`Address`]: the values that a request or a reply names.
//! - [`Write`]: a request of a customer that changes the books.
//! - [`Level`], [`Propagation`]: what a customer asks of a read and of a write.
//! - [`RefusalReason`], [`Certainty`], [`CallOutcome`]: what became of a request.
//! - [`parse_duration`], [`parse_duration_or_seconds`], [`parse_long_duration`]: durations as people write them.
//! - [`OperationRecord`]: one line of `customer-cli replay`, which holds most of these.
//!
//! ```
//! use bank_types::{AccountName, Amount, Level, RefusalReason, Write};
//!
//! let write = Write::Deposit { account: "rent".parse()?, amount: Amount::new(400)? };
//! assert_eq!(write.to_string(), "deposit of 400 to rent");
//!
//! // Values are checked where they are made.
//! assert!("no spaces".parse::<AccountName>().is_err());
//! assert!(Amount::new(0).is_err());
//!
//! // Words have one spelling, on a command line and in JSON.
//! assert_eq!("read-your-writes".parse(), Ok(Level::ReadYourWrites));
//! assert_eq!(RefusalReason::InsufficientFunds.to_string(), "insufficient-funds");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account_name;
mod address;
mod amount;
mod call_outcome;
mod certainty;
mod duration;
mod level;
mod position;
mod propagation;
mod record;
mod refusal_reason;
mod request_id;
mod words;
mod write;

pub use account_name::{AccountName, AccountNameError, MAIN};
pub use address::{Address, AddressError};
pub use amount::{Amount, AmountError};
pub use call_outcome::CallOutcome;
pub use certainty::Certainty;
pub use duration::{parse_duration, parse_duration_or_seconds, parse_long_duration};
pub use level::Level;
pub use position::Position;
pub use propagation::Propagation;
pub use record::{EventId, Interface, OperationRecord, WriteResult};
pub use refusal_reason::RefusalReason;
pub use request_id::RequestId;
pub use words::UnknownWord;
pub use write::Write;
