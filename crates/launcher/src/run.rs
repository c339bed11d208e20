//! One run from start to end, and what is left of it. In reading order:
//!
//! - [`execution`]: folder, branches, bank, customers, stop.
//! - [`customers`]: customer processes and what they were told.
//! - [`fault_player`]: plays the faults of an input on the cluster.
//! - `waiting`: sees that a branch has a customer's request and does not answer it yet.
//! - [`history`], [`meta`]: what is recorded of a run; [`recorded`]: the same, read back.
//! - [`folder`]: the folder of a run and the names of its files.

pub mod customers;
pub mod execution;
pub mod fault_player;
pub mod folder;
pub mod history;
pub mod meta;
pub mod recorded;
mod waiting;
