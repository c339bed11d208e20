//! Why a call to another branch brought no answer.

use std::fmt;
use std::time::Duration;

use bank_tls::DialError;
use tonic::{Code, Status};

use crate::address::BranchAddress;
use crate::replication::Malformed;

/// Why a call to another branch brought no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    /// The branch cannot be reached, or says that it cannot serve now.
    #[error("{reason}")]
    Unavailable {
        reason: String,
        /// The error of the handshake, if one of the two branches refused the other there.
        refused_handshake: Option<String>,
    },
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The branch answered with this error.
    #[error("{message}")]
    Failed { code: Code, message: String },
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl CallError {
    /// Whether the same call may succeed later, possibly at another branch.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::TimedOut(_) => true,
            Self::Failed { code, .. } => matches!(code, Code::DeadlineExceeded | Code::Cancelled | Code::Unknown),
            Self::Malformed(_) => false,
        }
    }

    /// Whether the called branch says that something in the request does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Failed {
                code: Code::NotFound,
                ..
            }
        )
    }

    /// Adds the branch that was called.
    pub(crate) fn of(self, to: &BranchAddress) -> BranchCallError {
        let to = to.clone();
        BranchCallError { to, error: self }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::Unavailable => Self::Unavailable {
                reason: message,
                refused_handshake: DialError::refusal_in(&status).map(ToString::to_string),
            },
            code => Self::Failed { code, message },
        }
    }
}

/// A call to another branch that brought no answer. The message names the branch and its address.
#[derive(Debug, Clone)]
pub(crate) struct BranchCallError {
    to: BranchAddress,
    error: CallError,
}

impl BranchCallError {
    pub(crate) fn error(&self) -> &CallError {
        &self.error
    }
}

impl fmt::Display for BranchCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = &self.to;
        match &self.error {
            CallError::Unavailable {
                refused_handshake: Some(refusal),
                ..
            } => f.write_str(refusal),
            CallError::Unavailable { reason, .. } => {
                write!(f, "{to} does not answer: start it, then try again ({reason})")
            }
            CallError::TimedOut(limit) => write!(f, "{to} did not answer within {limit:?}: is it running?"),
            error => write!(f, "{to}: {error}"),
        }
    }
}

impl std::error::Error for BranchCallError {}
