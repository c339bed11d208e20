//! The daemon of one branch of a bank. It keeps a full durable copy of the books and serves customers.
//!
//! The modules, from the outside in. A file imports only from modules that stand below its own:
//! - [`operate`]: the verbs of the command line; [`args`]: the command line; [`config`]: the checked configuration
//! - [`daemon`]: runs one branch from start to end
//! - `server`: the listener, with every limit on what comes in, and the check of who may make which call
//! - `api`: the three gRPC services
//! - `membership`: the operators' calls about the members of the bank
//! - `branch`: what the services of one branch share; `branch_error`: why a branch cannot open or serve its bank;
//!   `unjoined`: removes the files of an adoption that was cut short
//! - `writes`: sends writes in batches to the leader; `reads`: reads that wait for a position
//! - `reconfiguration`: changes of the members, which the leader finishes
//! - `branch_client`: calls to other branches, in domain types
//! - `replication`: the replication engine, and everything that names openraft
//! - `comparison`: compares the books with those of other branches; `agreement`: the digests of this branch, and which
//!   of them another branch has confirmed
//! - `scrubbing`: checks the ledger database in the background; `file_reads`: blocking reads of it, on threads of their
//!   own
//! - `store`: the ledger database in SQLite
//! - `certificates`: the certificates of the branch, taken up anew when they are renewed
//! - `access`: who a client is, and what it may do
//! - `callers`: the connections of callers, and what each may hold; `peers`: connections to other branches
//! - [`secret`] and the rest of `directory`: the data directory; `disk`: the free space of its file system
//! - `stop`: why a branch has to end; `clock`; [`address`]; `planted`: bugs for tests, which are in no release
//!
//! Nothing below `api` knows tonic's server. Nothing outside `replication` knows openraft. Wire types stay in `api`,
//! `branch_client`, `peers`, `writes` and `replication`.

mod access;
pub mod address;
mod agreement;
mod api;
pub mod args;
mod branch;
mod branch_client;
mod branch_error;
mod callers;
mod certificates;
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
mod scrubbing;
mod server;
mod stop;
mod store;
mod unjoined;
mod writes;

pub use access::TokenFileError;
pub use branch_error::BranchError;
pub use certificates::CertificatesError;
pub use directory::{DataDirectoryError, secret};
pub use store::BooksError;
