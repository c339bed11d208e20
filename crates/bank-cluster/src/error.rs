//! Errors of a cluster and its branch processes.

use crate::port_user::PortUser;
use bank_auth::SecretFileError;
use bank_auth::identity::ClientNameError;
use bank_client::operator::OperatorError;
use bank_client::{BankFileError, ReadError, SecurityError};
use bank_tls::IssueError;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use thiserror::Error;

/// Why an operation on a cluster failed.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The base port is too high for the branch's number.
    #[error("branch {branch} would listen on port {port}, past 65535; use --base-port auto, or a lower one")]
    PortRange {
        /// The branch.
        branch: u32,
        /// The sum of base port and branch number.
        port: u64,
    },
    /// The port of a branch is in use.
    #[error(
        "port {port} of branch {branch} is taken{user}, or use other ports (--base-port auto){}",
        match more { 0 => String::new(), 1 => "; 1 more is taken".to_owned(), more => format!("; {more} more are taken") }
    )]
    PortTaken {
        /// The first branch whose port is taken.
        branch: u32,
        /// Its port.
        port: u16,
        /// Number of further branches whose ports are taken.
        more: usize,
        /// The user of the first port.
        user: PortUser,
    },
    /// Only the administrator may use the port of a branch.
    #[error("port {port} of branch {branch} needs root ({source}); use a base port from 1024 on, or --base-port auto")]
    PortPrivileged {
        /// The branch.
        branch: u32,
        /// Its port.
        port: u16,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The port of a branch cannot be used for another reason.
    #[error("branch {branch} cannot listen on port {port}: {source}; use --base-port auto, or another base port")]
    PortUnusable {
        /// The branch.
        branch: u32,
        /// Its port.
        port: u16,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The relays between the branches cannot listen.
    #[error("the network between the branches cannot be made: {0}")]
    Network(#[source] io::Error),
    /// The directory cannot be made.
    #[error("the cluster's directory cannot be made: {0}")]
    Directory(#[source] io::Error),
    /// The file with the bank's secret cannot be read or made.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// A certificate of the cluster cannot be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A client of the cluster has a name that cannot stand in a certificate.
    #[error(transparent)]
    ClientName(#[from] ClientNameError),
    /// A certificate of the cluster cannot be used.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// A branch cannot be started, or its files cannot be made.
    #[error("branch {branch} cannot be started: {}: {source}", path.display())]
    Start {
        /// The branch.
        branch: u32,
        /// The program or the file.
        path: PathBuf,
        /// Reason.
        #[source]
        source: io::Error,
    },
    /// A branch ended, and was not told to.
    #[error("branch {branch} has ended ({status}){}; its log: {}", spoken(last_words), log.display())]
    Ended {
        /// The branch.
        branch: u32,
        /// The exit status.
        status: ExitStatus,
        /// The last line of the branch's log.
        last_words: String,
        /// The log of the branch.
        log: PathBuf,
    },
    /// A branch printed a line that is not its announcement.
    #[error("branch {branch} announced no address but {line:?}; is branchd of the same version?")]
    Announcement {
        /// The branch.
        branch: u32,
        /// The line.
        line: String,
    },
    /// A branch did not announce its address in time.
    #[error("branch {branch} did not say where it listens within {within:?}; its log: {}", log.display())]
    Silent {
        /// The branch.
        branch: u32,
        /// Bound on the wait.
        within: Duration,
        /// The log of the branch.
        log: PathBuf,
    },
    /// The bank could not be founded.
    #[error("the bank could not be founded: {0}")]
    Founding(#[source] OperatorError),
    /// The bank file could not be made.
    #[error(transparent)]
    BankFile(#[from] BankFileError),
    /// A branch has not applied a position in time.
    #[error("branch {branch} has not reached position {position}: {source}")]
    Behind {
        /// The branch.
        branch: u32,
        /// The position.
        position: u64,
        /// The branch's answer.
        #[source]
        source: Box<ReadError>,
    },
    /// A branch did not stop in time and was killed.
    #[error("branch {branch} did not end when it was told to and was killed; its log: {}", log.display())]
    Stuck {
        /// The branch.
        branch: u32,
        /// The log of the branch.
        log: PathBuf,
    },
    /// A signal could not be sent to a branch.
    #[error("branch {branch} cannot be signalled: {source}")]
    Signal {
        /// The branch.
        branch: u32,
        /// Reason.
        #[source]
        source: io::Error,
    },
    /// A branch cannot be restarted while it runs.
    #[error("branch {0} still runs; kill it first")]
    StillRuns(u32),
    /// No branch has this number.
    #[error("there is no branch {0}")]
    NoSuchBranch(u32),
    /// The cluster has no branches, so no bank can be founded.
    #[error("there are no branches")]
    NoBranches,
    /// The cluster has no bank: call [`crate::Cluster::found`] first.
    #[error("the bank has not been founded")]
    NotFounded,
}

impl ClusterError {
    /// True if other ports would help.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            ClusterError::PortRange { .. }
                | ClusterError::PortTaken { .. }
                | ClusterError::PortPrivileged { .. }
                | ClusterError::PortUnusable { .. }
        )
    }
}

fn spoken(last_words: &str) -> String {
    if last_words.is_empty() {
        String::new()
    } else {
        format!(": {last_words}")
    }
}
