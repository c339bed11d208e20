//! The daemon of one branch: a full durable copy of the books, and a counter for customers.
//!
//! From the outside in, in reading order:
//! - [`args`] and [`config`]: what it is started with, raw and checked; [`operate`]: the verbs that only ask a branch
//! - [`daemon`]: a branch, run from start to end; `server`: its port, and every limit on what comes in; `open_files`: how
//!   many connections the system allows;
//!   `caller`: who opened a connection; `permission`: who may make which call; `customers`: how many of them are connected
//! - `service`: the three gRPC services, which decode, validate, call and encode
//! - `branch`: what they share; `data_directory`: whose files these are; [`secret`]: by what branches know each other; `founding`: how a bank begins;
//!   `membership`: how branches join, replace lost ones and leave, later
//! - `writer`: writes, batched on their way to the leader; `reads`: what a read waits for; `propagation`: what a write
//!   may wait for; `progress`: who waits for which position; `quota`: how much may be held at once; `peer`: how branches
//!   reach and know each other
//! - `stop`: why a branch has to end at once
//! - `agreement`: the books compared with other branches'; `divergence_mark`: of a branch whose books are wrong
//! - `fate`, `outcome`: how failed and decided writes are told; `status`: how a branch is; `clock`: which decides nothing
//! - `space`: whether the disk has room for what is promised
//! - `raft`: the replication engine, and all that names it
//! - `books`: the ledger's SQLite file; `disk`: how much room there is for it
//! - `planted`: bugs on purpose, in no release
//!
//! Nothing below `service` knows tonic's server; nothing outside `raft` knows openraft.

pub mod address;
mod agreement;
pub mod args;
mod books;
mod branch;
mod caller;
mod clock;
pub mod config;
mod customers;
pub mod daemon;
mod data_directory;
mod disk;
mod divergence_mark;
mod fate;
mod founding;
mod membership;
mod open_files;
pub mod operate;
mod outcome;
mod peer;
mod permission;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod progress;
mod propagation;
mod quota;
mod raft;
mod reads;
pub mod secret;
mod server;
mod service;
mod space;
mod status;
mod stop;
mod unjoined;
mod writer;

pub use books::BooksError;
pub use branch::BranchError;
pub use data_directory::DataDirectoryError;
