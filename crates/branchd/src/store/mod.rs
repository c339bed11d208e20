//! The store: one SQLite file, the ledger database, that holds the ledger's accounts, entries and refusals.
//!
//! The store knows SQLite and `bank-ledger`. It knows nothing of Raft, gRPC or tokio. Every call blocks, so callers run
//! it on a blocking thread. In reading order:
//! - [`schema`]: the layout of the file and the settings of a connection; [`rows`]: conversion between rows and ledger
//!   types; [`lookups`] and [`row_writer`]: single rows in and out; [`statement_view`]: a view for people
//! - [`batch`]: the ledger's view of one open transaction; [`writer`]: write access; [`applied_state`]: what the caller
//!   stores with the ledger; [`checkpoint`]: durability
//! - [`reader`]: read access, over [`balance_cache`] (recent balances in memory) and [`connections`] (a shared pool);
//!   [`command_record`]: all decided commands in order; [`pages`]: a snapshot as a stream; [`shared`]: what writer and
//!   readers share
//! - [`links`]: what rows say about each other; [`verify`]: checks at a start and of a snapshot; [`files`]: names and
//!   directories
//!
//! The position, the digest, accounts, entries and the applied state change in one transaction. After `kill -9` the
//! file holds every committed transaction. After a power cut it holds at least what the last [`BooksFile::checkpoint`]
//! made durable.
//!
//! No other code in this process may open the file, not even to read it. POSIX drops all locks of a process on a file
//! when any of its handles is closed, including SQLite's locks. [`Reader::pages`] reads the bytes safely.

mod applied_state;
mod balance_cache;
mod batch;
mod checkpoint;
mod command_record;
mod connections;
mod error;
#[cfg(any(test, feature = "planted-bugs"))]
pub(crate) mod failing_disk;
mod files;
mod links;
mod lookups;
mod pages;
mod reader;
mod row_writer;
mod rows;
mod schema;
mod shared;
mod statement_view;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub(crate) use applied_state::AppliedState;
pub(crate) use command_record::{CommandRecord, Cursor};
pub(crate) use connections::CONNECTIONS_MAX;
pub use error::BooksError;
pub(crate) use pages::Pages;
pub(crate) use reader::Reader;
pub(crate) use schema::inspect;
pub(crate) use verify::verify_snapshot;
pub(crate) use writer::{BooksFile, Effect, LogEntry};
