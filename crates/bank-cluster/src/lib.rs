//! Real branch processes under test: started, founded as a bank, killed, paused, cut off from each other, asked for their command
//! logs, and stopped. The launcher runs inputs on such a cluster; end-to-end tests and benchmarks use it as it is. In reading order:
//!
//! - [`Cluster`]: the branches of one bank: start, found, wait, kill, pause, restart, stop. [`ClusterConfig`] says what it is made of.
//! - [`network`]: the network between the branches, one TCP proxy for each direction.
//! - [`faults`]: what can be done to a running cluster on purpose, and the record of it.
//! - [`command_log`]: what each branch has applied, read over its operator's service.
//! - [`Programs`], [`process`], [`last_line`], [`clock`]: what these stand on.
//!
//! This crate knows nothing of input files, verdicts, run folders and terminals. It starts `branchd` as a program and never links it.

pub mod clock;
pub mod command_log;
pub mod faults;
pub mod last_line;
pub mod network;
pub mod process;

mod branch;
mod cluster;
mod config;
mod error;
mod ports;
mod programs;

pub use cluster::founding::FOUND_TIMEOUT;
pub use cluster::positions::Positions;
pub use cluster::{ANNOUNCE_TIMEOUT, Cluster, STOP_TIMEOUT};
pub use config::{ClusterConfig, Lifetime, SECRET_FILE, election_timeout};
pub use error::ClusterError;
pub use ports::Ports;
pub use programs::{Programs, ProgramsError};
