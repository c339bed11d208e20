//! The daemon of one branch: a full durable copy of the books, and a counter for customers.
//!
//! The rooms, from the outside in. A file imports only from rooms that stand below its own:
//! - [`operate`]: the verbs of the command line; [`args`] and [`config`]: the command line, raw and checked
//! - [`daemon`]: one branch, run from start to end
//! - `server`: the listener, with every limit on what comes in, and the check of who may make which call
//! - `api`: the three gRPC services; they decode, validate, call and encode
//! - `membership`: what an operator asks about the bank's members
//! - `branch`: what the services of one branch share; `unjoined`: clears files of an adoption that was cut short
//! - `writes`: writes, batched on their way to the leader; `reads`: reads that wait for a position
//! - `reconfiguration`: changes of the members, carried on by the leader
//! - `comparison`: the digests compared with those of other branches
//! - `replication`: the replication engine, and everything that names openraft
//! - `agreement`: the digests of this branch, and which of them another branch has confirmed
//! - `file_reads`: blocking reads of the ledger database, off the event loop; `store`: the ledger in SQLite
//! - `callers`: who is connected, and how much each connection may hold; `peers`: connections to other branches
//! - [`secret`] and the rest of `directory`: the data directory; `disk`: how much room there is
//! - `stop`: why a branch has to end; `clock`; [`address`]; `planted`: bugs on purpose, in no release
//!
//! Nothing below `api` knows tonic's server; nothing outside `replication` knows openraft.

pub mod address;
mod agreement;
mod api;
pub mod args;
mod branch;
mod branch_client;
mod branch_error;
mod callers;
mod clock;
mod comparison;
pub mod config;
pub mod daemon;
mod directory;
mod disk;
mod file_reads;
mod membership;
pub mod operate;
mod peers;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod reads;
mod reconfiguration;
mod replication;
mod server;
mod stop;
mod store;
mod unjoined;
mod writes;

pub use branch_error::BranchError;
pub use directory::{DataDirectoryError, secret};
pub use store::BooksError;
