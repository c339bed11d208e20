//! The replication engine, and all that names openraft: to replace it is to rewrite this directory.
//!
//! [`types`] fixes what openraft replicates, [`log_store`] puts its log into the journal, [`machine`] its state into the
//! books, [`network`] carries its messages over gRPC, [`wire`] turns its types into messages and back, and [`engine`]
//! is what the rest of the daemon sees: propose, read index, role; with [`membership`], who is a branch, [`inbound`], what
//! the other branches say, and [`succession`], who leads next. A whole copy of the books goes from [`sending`] to [`receiving`]; [`copying`] is what both
//! keep to.

mod copying;
pub(crate) mod engine;
mod inbound;
mod log_store;
mod machine;
pub(crate) mod membership;
mod network;
mod receiving;
mod sending;
mod succession;
mod types;
mod wire;

pub(crate) use wire::{Malformed, command as command_to_wire, command_back as command_from_wire};

#[cfg(test)]
mod tests;
