//! Why the members of the bank were not changed.

use super::plan::Refusal;
use crate::branch_client::CallError;

/// Why the members of the bank were not changed, or may not have been.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum MembershipChangeError {
    /// The rules of a membership forbid the change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("branch {branch} still answers at {address}: stop it before another takes its place")]
    StillAnswers { branch: u32, address: String },
    #[error("no leader is known: a majority of the voters has to be there; try again")]
    NoLeader,
    #[error("this branch does not lead: try again")]
    NotLeader,
    #[error("the leader has changed: try again")]
    LeaderChanged,
    #[error("the leader did not answer: try again")]
    LeaderSilent,
    #[error("the leader is handing over: try again")]
    HandingOver,
    #[error("no quorum has confirmed the change of the members yet: try again")]
    NotConfirmed,
    #[error("another change of the members is under way: try again")]
    Busy,
    /// The leader, which is another branch, answered with this error.
    #[error("{error}")]
    AtLeader { error: CallError },
    /// The deadline passed while the leader was asked again and again. This is the last error.
    #[error("{0}")]
    NotInTime(String),
}

impl MembershipChangeError {
    /// The bank has no branch with this number.
    pub(crate) fn is_unknown_branch(&self) -> bool {
        match self {
            Self::Refused(Refusal::Unknown { .. }) => true,
            Self::AtLeader { error } => error.is_not_found(),
            _ => false,
        }
    }

    /// Whether the same change may succeed later, possibly at another leader.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(_) | Self::StillAnswers { .. } | Self::NotInTime(_) => false,
            Self::AtLeader { error } => error.may_pass(),
            Self::NoLeader
            | Self::NotLeader
            | Self::LeaderChanged
            | Self::LeaderSilent
            | Self::HandingOver
            | Self::NotConfirmed
            | Self::Busy => true,
        }
    }
}
