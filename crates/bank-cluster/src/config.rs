//! What a cluster is made of: a plain value.

use crate::ports::Ports;
use crate::programs::{Programs, ProgramsError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whether branches end with the launcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// However the launcher ends.
    WithLauncher,
    /// They can be left running.
    Kept,
}

/// How long a voter hears nothing of its leader before it stands for election, in a small cluster: some 30 times what a
/// process on a busy machine waits for its turn, and a leader that was killed is replaced within a second.
const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(300);
/// So many branches take turns on a laptop's few cores without being late with their heartbeats.
const BRANCHES_AT_EASE: usize = 10;
/// Every further branch makes the others wait for their turn, and gives the leader one more to send heartbeats to: with
/// 50 branches they are given about three seconds.
const ELECTION_TIMEOUT_PER_BRANCH: Duration = Duration::from_millis(65);
/// Behind a network that can be bent: a leader goes on leading while its round trips take up to a third of this.
pub(crate) const ELECTION_TIMEOUT_RELAYED: Duration = Duration::from_secs(1);
/// Nobody waits longer than this for a new leader, however many branches there are.
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// How patient branches are with their leader where so many of them run on one machine: a busy machine must not look
/// like a lost leader.
pub fn election_timeout(branches: usize) -> Duration {
    let further = u32::try_from(branches.saturating_sub(BRANCHES_AT_EASE)).unwrap_or(u32::MAX);
    let patience = ELECTION_TIMEOUT_MIN.saturating_add(ELECTION_TIMEOUT_PER_BRANCH.saturating_mul(further));
    patience.min(ELECTION_TIMEOUT_MAX)
}

/// The file with the secret of a cluster's bank, in its directory.
pub const SECRET_FILE: &str = "bank.secret";

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// What to start.
    pub programs: Programs,
    /// Holds `branch-N/data` and `branch-N/log` for each branch.
    pub dir: PathBuf,
    /// The file with the secret of the bank, made where it is missing. `None`: `bank.secret` in the cluster's directory.
    pub secret_file: Option<PathBuf>,
    /// The numbers of the branches.
    pub branches: Vec<u32>,
    /// Where they listen.
    pub ports: Ports,
    /// Whether they end with the launcher.
    pub lifetime: Lifetime,
    /// How patient branches are with their leader; see [`election_timeout`].
    pub election_timeout: Duration,
    /// Further flags for `branchd start`.
    pub branch_args: Vec<OsString>,
}

impl ClusterConfig {
    /// Branches on free ports, with the programs beside this one, that end with the launcher: what tests want.
    ///
    /// # Errors
    /// A program is missing.
    pub fn new(dir: &Path, branches: impl IntoIterator<Item = u32>) -> Result<Self, ProgramsError> {
        let branches: Vec<u32> = branches.into_iter().collect();
        Ok(ClusterConfig {
            programs: Programs::beside_this_one()?,
            dir: dir.to_owned(),
            secret_file: None,
            election_timeout: election_timeout(branches.len()),
            branches,
            ports: Ports::Auto,
            lifetime: Lifetime::WithLauncher,
            branch_args: Vec::new(),
        })
    }

    /// The file with the secret of the bank.
    pub fn secret_path(&self) -> PathBuf {
        let named = self.secret_file.clone();
        named.unwrap_or_else(|| self.dir.join(SECRET_FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_branches_are_patient() {
        for (branches, ms) in [
            (1, 300),
            (10, 300),
            (11, 365),
            (50, 2_900),
            (512, 10_000),
            (usize::MAX, 10_000),
        ] {
            assert_eq!(election_timeout(branches), Duration::from_millis(ms), "{branches}");
        }
    }
}
