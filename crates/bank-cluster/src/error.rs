//! What can go wrong with branch processes, in words.

use bank_auth::SecretFileError;
use bank_client::operator::OperatorError;
use bank_client::{BankFileError, ReadError};
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use thiserror::Error;

/// Why a cluster does not do what it was asked to.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The base port is too high for the branch's number.
    #[error("branch {branch} would listen on port {port}, past 65535; use --base-port auto, or a lower one")]
    PortRange {
        /// The branch.
        branch: u32,
        /// Base port and number.
        port: u64,
    },
    /// Something else listens there.
    #[error(
        "port {port}, for branch {branch}, is taken ({reason}){}; use --base-port auto, or another one",
        if *more == 0 { String::new() } else { format!(", and {more} more") }
    )]
    PortTaken {
        /// The first branch that it concerns.
        branch: u32,
        /// Its port.
        port: u16,
        /// How many other branches it concerns.
        more: usize,
        /// What the operating system says of the first.
        reason: String,
    },
    /// The same, of a branch whose address is known to its bank.
    #[error(
        "port {port}, which branch {branch} has in its bank, is taken ({reason}){}; stop what has it, or wait for it, then try again",
        if *more == 0 { String::new() } else { format!(", and {more} more") }
    )]
    KeptPortTaken {
        /// The first branch that it concerns.
        branch: u32,
        /// Its port.
        port: u16,
        /// How many other branches it concerns.
        more: usize,
        /// What the operating system says of the first.
        reason: String,
    },
    /// The relays between the branches cannot listen.
    #[error("the network between the branches cannot be made: {0}")]
    Network(#[source] io::Error),
    /// The directory cannot be made.
    #[error("the cluster's directory cannot be made: {0}")]
    Directory(#[source] io::Error),
    /// The secret by which the branches know each other cannot be read or made.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The program or its files cannot be made.
    #[error("branch {branch} cannot be started: {}: {source}", path.display())]
    Start {
        /// The branch.
        branch: u32,
        /// The program or the file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A branch ended that was not told to.
    #[error("branch {branch} has ended ({status}){}; its log: {}", spoken(last_words), log.display())]
    Ended {
        /// The branch.
        branch: u32,
        /// How.
        status: ExitStatus,
        /// The last line of its log.
        last_words: String,
        /// Its log.
        log: PathBuf,
    },
    /// A branch prints something else than where it listens.
    #[error("branch {branch} announced no address but {line:?}; is branchd of the same version?")]
    Announcement {
        /// The branch.
        branch: u32,
        /// What it printed.
        line: String,
    },
    /// A branch does not say where it listens.
    #[error("branch {branch} did not say where it listens within {within:?}; its log: {}", log.display())]
    Silent {
        /// The branch.
        branch: u32,
        /// The bound.
        within: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// The bank could not be founded.
    #[error("the bank could not be founded: {0}")]
    Founding(#[source] OperatorError),
    /// The bank file could not be made.
    #[error(transparent)]
    BankFile(#[from] BankFileError),
    /// A branch has not applied what it had to.
    #[error("branch {branch} has not reached position {position}: {source}")]
    Behind {
        /// The branch.
        branch: u32,
        /// What was waited for.
        position: u64,
        /// What it says.
        #[source]
        source: Box<ReadError>,
    },
    /// A branch had to be killed.
    #[error("branch {branch} did not end when it was told to and was killed; its log: {}", log.display())]
    Stuck {
        /// The branch.
        branch: u32,
        /// Its log.
        log: PathBuf,
    },
    /// A signal could not be sent.
    #[error("branch {branch} cannot be signalled: {source}")]
    Signal {
        /// The branch.
        branch: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was to be restarted.
    #[error("branch {0} still runs; kill it first")]
    StillRuns(u32),
    /// Nobody has that number.
    #[error("there is no branch {0}")]
    NoSuchBranch(u32),
    /// A bank needs one.
    #[error("there are no branches")]
    NoBranches,
    /// [`crate::Cluster::found`] comes first.
    #[error("the bank has not been founded")]
    NotFounded,
}

impl ClusterError {
    /// Whether other arguments would help.
    pub fn is_usage(&self) -> bool {
        matches!(self, ClusterError::PortRange { .. } | ClusterError::PortTaken { .. })
    }
}

fn spoken(last_words: &str) -> String {
    if last_words.is_empty() {
        String::new()
    } else {
        format!(": {last_words}")
    }
}
