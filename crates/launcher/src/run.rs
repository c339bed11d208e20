//! Runs one input from start to end, and records the run in a folder. In reading order:
//!
//! - [`execution`]: the steps of a run: folder, branches, bank, customers, stop.
//! - [`customers`]: the customers' processes and the replies that they got.
//! - [`fault_player`]: plays the faults of an input on the cluster.
//! - `open_files`: the limit on open files, which is raised at the start and checked before a run.
//! - `waiting`: finds out that a branch holds a request of a customer and does not answer it yet.
//! - [`history`], [`meta`]: the records of a run.
//! - [`recorded`]: reads the records of a run back.
//! - [`state`]: how far a run came, as its folder says.
//! - [`folder`]: the folder of a run and the names of its files; [`bank_files`] has those of its bank.

pub mod bank_files;
pub mod customers;
pub mod execution;
pub mod fault_player;
pub mod folder;
pub mod history;
pub mod meta;
pub(crate) mod open_files;
pub mod recorded;
pub mod state;
mod waiting;
