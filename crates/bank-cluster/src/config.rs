//! The configuration of a cluster, as a plain value.

use crate::certificates::CERTS_DIR;
use crate::ports::Ports;
use crate::programs::{Programs, ProgramsError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Election timeout in a small cluster: how long a voter waits for its leader before it stands for election. It is
/// about 30 times as long as a process on a busy machine waits for its turn; still, a killed leader is replaced within
/// a second.
const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(300);
/// Number of branches that share a laptop's few cores without late heartbeats.
const BRANCHES_AT_EASE: usize = 10;
/// Added to the election timeout for each further branch, which takes processor time and one more heartbeat of the
/// leader. With 50 branches the timeout is about three seconds.
const ELECTION_TIMEOUT_PER_BRANCH: Duration = Duration::from_millis(65);
/// Shortest election timeout with relays. A leader keeps the lead while its round trips take up to a third of this.
pub(crate) const ELECTION_TIMEOUT_RELAYED: Duration = Duration::from_secs(1);
/// Longest election timeout, however many branches there are.
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// The election timeout for this number of branches on one machine. With more branches it is longer, because a busy
/// machine must not look like a lost leader.
pub fn election_timeout(branches: usize) -> Duration {
    let further = u32::try_from(branches.saturating_sub(BRANCHES_AT_EASE)).unwrap_or(u32::MAX);
    let patience = ELECTION_TIMEOUT_MIN.saturating_add(ELECTION_TIMEOUT_PER_BRANCH.saturating_mul(further));
    patience.min(ELECTION_TIMEOUT_MAX)
}

/// Name of the bank file, in the directory of the cluster.
pub const BANK_FILE: &str = "bank.json";
/// Name of the file with the bank's secret, in the directory of the cluster.
pub const SECRET_FILE: &str = "bank.secret";

/// The configuration of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// The programs to start.
    pub programs: Programs,
    /// The directory of the cluster. It holds `branch-N/data` and `branch-N/log` for each branch.
    pub dir: PathBuf,
    /// The file with the secret of the bank; it is made if it is missing. `None` stands for [`SECRET_FILE`] in `dir`.
    pub secret_file: Option<PathBuf>,
    /// Whether branches and clients have certificates and connect by TLS. The certificates are in [`CERTS_DIR`] in `dir`;
    /// those that are missing are made.
    pub tls: bool,
    /// The numbers of the branches.
    pub branches: Vec<u32>,
    /// The ports of the branches.
    pub ports: Ports,
    /// How long a voter waits for its leader before it stands for election; see [`election_timeout`].
    pub election_timeout: Duration,
    /// Further flags for `branchd start`.
    pub branch_args: Vec<OsString>,
}

impl ClusterConfig {
    /// The configuration for tests: branches on free ports, which stop when this process ends, with the programs beside
    /// this one.
    ///
    /// # Errors
    /// A program is missing.
    pub fn new(dir: &Path, branches: impl IntoIterator<Item = u32>) -> Result<Self, ProgramsError> {
        let branches: Vec<u32> = branches.into_iter().collect();
        Ok(ClusterConfig {
            programs: Programs::beside_this_one()?,
            dir: dir.to_owned(),
            secret_file: None,
            tls: false,
            election_timeout: election_timeout(branches.len()),
            branches,
            ports: Ports::Auto,
            branch_args: Vec::new(),
        })
    }

    /// The file with the secret of the bank.
    pub fn secret_path(&self) -> PathBuf {
        let named = self.secret_file.clone();
        named.unwrap_or_else(|| self.dir.join(SECRET_FILE))
    }

    /// The directory with the certificates. `None` without TLS.
    pub fn certs_dir(&self) -> Option<PathBuf> {
        self.tls.then(|| self.dir.join(CERTS_DIR))
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
