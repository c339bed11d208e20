//! The books: where a branch keeps what the ledger decides, as one SQLite file that anyone can open.
//!
//! Knows SQLite and `bank-ledger`; knows nothing of Raft, gRPC or tokio. Every call blocks, and the caller puts it on
//! a thread. In reading order: [`schema`] is the file's layout, [`rows`] turns its rows into the ledger's words and
//! back, [`batch`] is the ledger's view of one open transaction, [`writer`] is the one who writes, [`reader`] everyone
//! who reads ([`command_record`] is for those who read it all), over [`balance_cache`] (recent balances in memory) and [`connections`] (a few, shared);
//! [`pages`] is a whole copy, as a stream; [`checkpoint`] makes it all survive a power cut. [`links`] is what rows say of
//! each other, [`verify`] checks that at the start.
//!
//! Position, digest, accounts, entries and the caller's marker move in one transaction: after `kill -9` the file holds
//! what was committed last, all of it. After a power cut it holds at least what [`BooksFile::checkpoint`] returned.
//!
//! Nothing else in the process may open the file itself, not even to read it: POSIX drops all of a process's locks on
//! a file when any of its handles is closed, SQLite's with them. Read its bytes by [`Reader::pages`] instead.

mod balance_cache;
mod batch;
mod checkpoint;
mod command_record;
mod connections;
mod error;
#[cfg(any(test, feature = "planted-bugs"))]
pub(crate) mod failing_disk;
mod links;
mod pages;
mod reader;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub(crate) use command_record::{CommandRecord, Cursor};
pub use error::BooksError;
pub(crate) use pages::Pages;
pub(crate) use reader::Reader;
pub(crate) use schema::inspect;
pub(crate) use writer::{AppliedState, BooksFile, Effect, LogEntry, examine_copy};
