//! The replication engine, and all that names openraft: to replace it is to rewrite this directory.
//!
//! - [`engine`] is what the rest of the daemon sees: propose, read index, role; [`membership`]: which replicas the bank has
//! - [`types`] fixes what openraft replicates; [`convert`] turns its types into messages and back
//! - [`log_store`] keeps its log in the write-ahead log; [`state_machine`] applies it to the store, and [`progress`] wakes up
//!   those who wait for a position
//! - [`peer_client`] sends its messages over gRPC; [`peer_server`] takes those of other branches; [`error`]: what these are told
//!   of a failure
//! - [`sending`] and [`receiving`] carry a whole copy of the books, within the bounds of [`copying`]
//! - [`succession`] decides when another branch should lead

mod convert;
mod copying;
pub(crate) mod engine;
mod error;
mod log_store;
pub(crate) mod membership;
mod peer_client;
mod peer_server;
pub(crate) mod progress;
mod receiving;
mod sending;
mod state_machine;
mod succession;
mod types;
mod waiters;

pub(crate) use convert::{Malformed, command as command_to_wire, command_back as command_from_wire};

#[cfg(test)]
mod tests;
