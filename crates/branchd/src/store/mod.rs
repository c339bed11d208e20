//! The store: one SQLite file, the ledger database, that holds the ledger's accounts, entries and refusals.
//!
//! The store knows SQLite and `bank-ledger`. It knows nothing of Raft, gRPC or tokio. Commands are applied in memory,
//! and a thread of the store writes them to the file behind. In reading order:
//! - [`schema`]: the layout of the file and the settings of a connection; [`rows`]: conversion between rows and ledger
//!   types; [`checksum`]: checksums of rows; [`state_row`]: the state and the totals of all rows; [`lookups`] and
//!   [`row_writer`]: single rows in and out; [`statement_view`]: a view for people; [`opening`]: opens a file, and has
//!   one of the format before converted by [`older`]
//! - [`memory`]: the newest state, over [`unstored`] (decisions that the file lacks) and [`recent_ids`];
//!   [`applied_state`]: what the caller stores with the ledger; [`shared`]: what all parts share
//! - [`books_file`]: applies commands, over [`deciding`] (the ledger's view of memory) and [`fetching`] (rows that are
//!   not in memory)
//! - [`storing`]: the thread; [`writer`]: write access to the file; [`checkpoint`]: durability
//! - [`reader`]: read access, over [`connections`] (a shared pool); [`command_record`]: all decided commands in order;
//!   [`pages`]: a snapshot as a stream
//! - [`links`]: what rows say about each other; [`audit`]: what all rows come to together; [`verify`]: checks at a start
//!   and of a snapshot; [`scrub`]: the check of a database in use; [`offline`]: of one that is not in use
//! - [`files`]: names and directories
//!
//! The position, the digest, accounts, entries and the applied state change together, in memory and in the file. After
//! `kill -9` the file holds a state that was the newest a moment before. After a power cut it holds at least what the
//! last checkpoint made durable. The log has the rest.
//!
//! No other code in this process may open the file, not even to read it. POSIX drops all locks of a process on a file
//! when any of its handles is closed, including SQLite's locks. [`Reader::pages`] reads the bytes safely.

mod applied_state;
mod audit;
mod books_file;
mod checkpoint;
mod checksum;
mod command_record;
mod connections;
mod deciding;
mod error;
#[cfg(any(test, feature = "planted-bugs"))]
pub(crate) mod failing_disk;
mod fetching;
mod files;
mod links;
mod lookups;
mod memory;
mod offline;
mod older;
mod opening;
mod pages;
mod reader;
mod recent_ids;
mod row_writer;
mod rows;
mod schema;
mod scrub;
mod shared;
mod state_row;
mod statement_view;
mod storing;
#[cfg(test)]
mod tests;
mod unstored;
mod verify;
mod writer;

pub(crate) use applied_state::AppliedState;
pub(crate) use books_file::{BooksFile, Effect, LogEntry, Step};
pub(crate) use command_record::{CommandRecord, Cursor};
pub(crate) use connections::CONNECTIONS_MAX;
pub use error::BooksError;
pub(crate) use offline::OfflineBooks;
pub(crate) use opening::inspect;
pub(crate) use pages::Pages;
pub(crate) use reader::Reader;
pub(crate) use scrub::{Scrub, Scrubbed};
pub(crate) use storing::{Done, StoringHandle};
pub(crate) use verify::verify_snapshot;
