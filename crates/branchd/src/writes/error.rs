//! Why a write has no outcome.

use crate::replication::majority::NoMajority;

/// Why a write was answered without an outcome. After `Unknown` and `InDoubt` the write may have been applied, or may
/// be applied later. After every other error it was not applied and will not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("too many writes are waiting at branch {branch} (over {max}): try again, with the same request id")]
    Overloaded { branch: u32, max: usize },
    #[error(
        "{max} writes are waiting at branch {branch} until every branch has them: try again in a moment, with the same request id"
    )]
    Propagating { branch: u32, max: u32 },
    /// Only a write that another branch forwarded ends with this error.
    #[error("branch {branch} does not lead")]
    NotLeader { branch: u32 },
    #[error(
        "the disk of branch {branch}, which leads, is full: make room there, then try again with the same request id"
    )]
    DiskFull { branch: u32 },
    #[error("no leader took the write in time: try again, or at another branch")]
    NotApplied,
    /// The branch is cut off from the leader, or the bank has no leader.
    #[error("branch {branch} reaches no leader: try another branch, or this one again later")]
    NoLeader { branch: u32 },
    /// No majority of the voters can be reached from the branch.
    #[error("{0}: start the missing branches, or ask another branch")]
    NoMajority(NoMajority),
    #[error("branch {branch} is stopping: ask another, or this one again once it is back")]
    Stopping { branch: u32 },
    #[error("the write may have been applied: ask again with the same request id")]
    Unknown,
    /// An attempt may have proposed the write, and this branch makes no further attempt.
    #[error(
        "the write may have been applied, and branch {branch} cannot find out{}: ask another branch with the same request id",
        .lost.map(|lost| format!(" ({lost})")).unwrap_or_default()
    )]
    InDoubt {
        branch: u32,
        /// Set if no majority of the voters can be reached from the branch.
        lost: Option<NoMajority>,
    },
}

impl WriteError {
    /// What is known of the majority of the voters, if it cannot be reached.
    pub(crate) fn no_majority(&self) -> Option<NoMajority> {
        match self {
            Self::NoMajority(lost) => Some(*lost),
            _ => None,
        }
    }

    /// Whether the write may have been applied, or may be applied later.
    pub(crate) fn may_be_applied(&self) -> bool {
        matches!(self, Self::Unknown | Self::InDoubt { .. })
    }
}
