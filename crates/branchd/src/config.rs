//! The configuration of a branch: a plain value that is checked once. Nothing below reads flags or the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bank_tls::TlsFiles;

use crate::directory::secret::SecretSource;

/// The configuration of one branch.
#[derive(Debug, Clone)]
pub struct Config {
    /// The number of the branch in its bank; at least 1.
    pub branch: u32,
    /// The data directory. It is created if it is missing.
    pub data: PathBuf,
    /// Where the branch gets the bank's secret, if its data directory has none yet.
    pub secret: SecretSource,
    /// The timing of elections and heartbeats.
    pub timing: Timing,
    /// Allow addresses that are not on this host, although the branch has no certificates and nothing is encrypted.
    pub insecure: bool,
    /// The branches that this branch reaches at another address than the bank has for them.
    pub via: BTreeMap<u32, String>,
    /// Accept a data directory that was moved here.
    pub accept_moved: bool,
    /// How many connections of customers, operators and branches may be open. The operating system may allow fewer.
    pub max_connections: u32,
    /// How many connections of customers one address may have. `None`: a part of `max_connections`, and no limit for
    /// loopback addresses.
    pub max_connections_per_address: Option<u32>,
    /// Whether a stopping leader first lets another branch lead. That makes no sense if the whole bank stops.
    pub hand_over: bool,
    /// After this many journal entries the ledger database is forced to the disk, and older entries of the journal may
    /// be deleted. This many older entries are kept for branches that are behind, because entries are cheaper to send
    /// than a snapshot.
    pub checkpoint_entries: u64,
    /// How many rows of the ledger database are checked in a second, in the background. 0: none.
    pub scrub_rows_per_second: u32,
    /// The certificates of the branch. `None`: nothing is encrypted.
    pub tls: Option<TlsConfig>,
    /// Whether each client must prove who it is, by a certificate or a token. A file of tokens has the same effect.
    pub client_cert_auth: bool,
    /// The file with the tokens of clients.
    pub token_file: Option<PathBuf>,
}

impl Config {
    /// Whether branches may have addresses beyond this host: what is sent is encrypted, or the operator accepts that it is
    /// not.
    pub(crate) fn beyond_this_host(&self) -> bool {
        self.insecure || self.tls.is_some()
    }
}

/// The certificates of a branch.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// For connections of clients.
    pub clients: TlsFiles,
    /// For connections between branches, of both directions.
    pub branches: TlsFiles,
}

/// The timing of elections and heartbeats.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A voter that hears nothing from a leader for this long stands for election. Each voter waits a random time
    /// between this and twice this.
    pub election_timeout: Duration,
}

impl Timing {
    /// How long a leader stays leader without an answer from a quorum. The engine stops taking writes one election
    /// timeout earlier.
    pub(crate) fn unanswered_max(self) -> Duration {
        self.election_timeout * 3
    }

    /// The longest time that a voter waits for a leader before it stands for election.
    pub(crate) fn election_timeout_max(self) -> Duration {
        self.election_timeout * 2
    }

    /// How often a leader sends a heartbeat: often enough that two of them may be lost. A round trip may take no
    /// longer, because the engine gives up a heartbeat that has no answer when the next one is due. If a quorum answers
    /// none for long, the engine takes no writes.
    pub(crate) fn heartbeat_interval(self) -> Duration {
        self.election_timeout / 3
    }
}
