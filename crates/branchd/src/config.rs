//! What a branch is started with: a plain value, checked once. Nothing below reads a flag or the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::directory::secret::SecretSource;

/// A branch to be run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The number of the branch in its bank; at least 1.
    pub branch: u32,
    /// Its data directory; created where it is missing.
    pub data: PathBuf,
    /// Where it gets the bank's secret, if it has none yet.
    pub secret: SecretSource,
    /// How patient it is with a leader.
    pub timing: Timing,
    /// Speak in the clear to addresses beyond this host.
    pub insecure: bool,
    /// The branches that are reached from here at another address than the bank knows.
    pub via: BTreeMap<u32, String>,
    /// Take a data directory that was moved here.
    pub accept_moved: bool,
    /// How many connections it may have open, of customers, operators and branches. The operating system may allow fewer.
    pub max_connections: u32,
    /// At the stop, make another branch lead first. Not where the whole bank stops.
    pub hand_over: bool,
    /// After how many journal entries the books are forced to the disk, so that the journal before them may go; and how many
    /// entries before that stay, for branches that are behind: they take entries, which is cheaper than the whole books.
    pub checkpoint_entries: u64,
}

/// How patient a branch is with a leader.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Without a sign of the leader for this long, or up to twice this, a voter stands for election.
    pub election_timeout: Duration,
}

impl Timing {
    /// How long a quorum may leave a leader without an answer until it gives up the lead: an election timeout longer than
    /// the engine goes on taking writes.
    pub(crate) fn unanswered_max(self) -> Duration {
        self.election_timeout * 3
    }

    /// The other end of the range.
    pub(crate) fn election_timeout_max(self) -> Duration {
        self.election_timeout * 2
    }

    /// How often a leader gives a sign: often enough that two may be lost. It is also as long as a round trip may take: the
    /// engine gives a sign up that is not answered by the time of the next, and takes no write once a quorum has answered
    /// none for long.
    pub(crate) fn heartbeat_interval(self) -> Duration {
        self.election_timeout / 3
    }
}
