//! The replication engine. Only this directory names openraft, so another engine would replace only this directory.
//!
//! - [`engine`] is what the rest of the daemon sees, and [`open`] starts it; [`membership`] is about the bank's members;
//!   [`fit`] says whether log and ledger database fit together
//! - [`types`] sets openraft's type parameters; [`convert`] and [`command_wire`] convert them to and from messages;
//!   [`validate`] checks messages before the engine sees them
//! - [`log_store`] keeps the log in the write-ahead log; [`state_machine`] applies it to the ledger database;
//!   [`sync_delay`] says how long a sync of the log may wait; [`applied`] and [`progress`] wake the tasks that wait for a position; [`leaders`] remembers who led when
//! - [`peer_client`] sends openraft's messages over gRPC; [`peer_server`] serves those of other branches; [`error`]
//!   maps the engine's failures to statuses
//! - [`snapshot_sender`] and [`snapshot_receiver`] carry a [`snapshot`], within the limits in [`snapshot_limits`]
//! - [`succession`] decides when another branch should lead; [`majority`] says how many voters are reached without one

mod applied;
mod command_wire;
mod convert;
pub(crate) mod engine;
mod error;
pub(crate) mod fit;
pub(crate) mod leaders;
mod log_store;
pub(crate) mod majority;
mod malformed;
pub(crate) mod membership;
mod open;
mod peer_client;
mod peer_server;
pub(crate) mod progress;
pub(crate) mod read_index;
pub(crate) mod role;
mod snapshot;
mod snapshot_limits;
mod snapshot_receiver;
mod snapshot_sender;
mod state_machine;
mod succession;
mod sync_delay;
mod types;
mod validate;
mod waiters;

pub(crate) use command_wire::{command_from_wire, command_to_wire};
pub(crate) use malformed::Malformed;
pub(crate) use open::Parts;

#[cfg(test)]
mod tests;
