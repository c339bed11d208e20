//! A test harness: runs a bank of real branch processes on this host, and injects faults into it. The launcher runs
//! inputs on such a cluster; end-to-end tests and benchmarks use it directly.
//!
//! In reading order:
//!
//! - [`Cluster`]: the branches of one bank: start, found, wait, kill, pause, restart, stop. [`ClusterConfig`]
//!   configures it.
//! - [`network`]: the network between the branches, with one TCP relay for each direction.
//! - [`faults`]: the actions of fault injection, and the record of the faults.
//! - [`command_log`]: the commands that each branch has applied, read over the operator service.
//! - With [`ClusterConfig::tls`], branches and clients have certificates, which the cluster makes. The clients of
//!   [`Cluster::client`] and [`Cluster::operator`] have those that they need.
//! - [`Programs`], [`process`], [`last_line`], [`clock`]: the parts below.
//!
//! This crate knows nothing of input files, verdicts, run folders and terminals. It starts `branchd` as a program and
//! never links it.
//!
//! A test of a killed branch:
//!
//! ```no_run
//! use bank_client::{Client, ClientOptions, Level, Propagation, Session};
//! use bank_cluster::{Cluster, ClusterConfig, FOUND_TIMEOUT};
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! // Branches 1 to 3 on free ports. The opening balance is 100.
//! let mut cluster = Cluster::running(ClusterConfig::new(dir.path(), 1..=3)?, 100).await?;
//! let bank = cluster.bank().expect("the bank is founded");
//! let client = Client::of_bank(bank, ClientOptions::default());
//! let mut session = Session::default();
//!
//! // Two of three branches are a quorum, so a deposit succeeds while branch 3 is dead.
//! cluster.kill(3).await?;
//! client.deposit(Some(1), &mut session, Propagation::Quorum, "main", 10).await?;
//!
//! // After its restart, branch 3 catches up.
//! cluster.restart(3).await?;
//! cluster.await_position(&[3], session.write_position, FOUND_TIMEOUT).await?;
//! let read = client.query(Some(3), &mut session, Level::Session, "main").await?;
//! assert_eq!(read.value, 110);
//! cluster.stop().await?;
//! # Ok(())
//! # }
//! ```

pub mod clock;
pub mod command_log;
pub mod faults;
pub mod last_line;
pub mod network;
pub mod process;

mod branch;
mod certificates;
mod cluster;
mod config;
mod error;
mod port_user;
mod ports;
mod programs;

pub use certificates::{CERTS_DIR, OPERATOR, TELLER, client_flags};
pub use cluster::founding::FOUND_TIMEOUT;
pub use cluster::positions::Positions;
pub use cluster::{ANNOUNCE_TIMEOUT, Cluster, STOP_TIMEOUT};
pub use config::{BANK_FILE, ClusterConfig, SECRET_FILE, election_timeout};
pub use error::ClusterError;
pub use port_user::PortUser;
pub use ports::Ports;
pub use programs::{Programs, ProgramsError};
