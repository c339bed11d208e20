//! What one attempt at one branch ended in, when it did not end in an answer; and what that says of a write.

use std::fmt;

use thiserror::Error;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::bank_file::UnknownBranch;
use crate::session::SessionBreach;
use bank_types::Address;

/// What became of a write whose attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not, and will not be, applied.
    NotApplied,
    /// It may have been applied, or still be.
    Unknown,
}

/// A branch as it is named in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number, where a bank file gave it.
    pub branch: Option<u32>,
    /// Where it was asked.
    pub address: Address,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.branch {
            Some(branch) => write!(f, "branch {branch} ({})", self.address),
            None => write!(f, "the branch at {}", self.address),
        }
    }
}

/// What an attempt ended in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// No connection was made, so nothing was sent.
    #[error("{at} cannot be reached: {detail}; is it running, and is the address right?")]
    Unreachable {
        /// Who was asked.
        at: Place,
        /// What the system says.
        detail: String,
    },
    /// The branch and this program do not know each other: they have two secrets, say. Nothing was sent.
    #[error("{message}")]
    Unauthenticated {
        /// Who was asked.
        at: Place,
        /// Why, in a sentence that names the branch.
        message: String,
    },
    /// The connection ended before an answer came.
    #[error("the connection to {at} was lost: {detail}")]
    Lost {
        /// Who was asked.
        at: Place,
        /// What the transport says.
        detail: String,
    },
    /// The host or the process behind the address gives no sign of life.
    #[error("{at} answers no ping: it is stopped or cut off; try another branch")]
    Silent {
        /// Who was asked.
        at: Place,
    },
    /// The deadline passed.
    #[error("{at} did not answer in time; try another branch or a longer --timeout")]
    TimedOut {
        /// Who was asked.
        at: Place,
    },
    /// The deadline passed while the branch waited for a position.
    #[error("{at} is at {position}, the session needs {needed}; try another branch or a longer --timeout")]
    Behind {
        /// Who was asked.
        at: Place,
        /// What the branch has applied.
        position: u64,
        /// What the read needs.
        needed: u64,
    },
    /// The branch can serve nobody at present.
    #[error("{at} is not available: {message}")]
    Unavailable {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
    },
    /// The branch is overloaded, or its disk is full.
    #[error("{at} is overloaded or out of space: {message}")]
    Busy {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
    },
    /// The branch takes the request for malformed.
    #[error("{at} does not understand the request: {message}")]
    Invalid {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
    },
    /// The session belongs to another bank, or the branch has none.
    #[error("{at} cannot serve this session: {message}")]
    Precondition {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
    },
    /// A read names an account that there is not.
    #[error("{at} knows no such account: {message}")]
    NoSuchAccount {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
    },
    /// The request id was used for another write.
    #[error("{at} knows the request id from another write: {message}; give each write an id of its own")]
    IdInUse {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
    },
    /// Any other status.
    #[error("{at} failed ({code:?}): {message}")]
    Other {
        /// Who was asked.
        at: Place,
        /// The gRPC code.
        code: Code,
        /// What it says.
        message: String,
    },
    /// The reply is not what the protocol says.
    #[error("{at} gave a reply that makes no sense: {what}; does a branch of a bank listen there?")]
    Malformed {
        /// Who was asked.
        at: Place,
        /// What is wrong with the reply.
        what: String,
    },
    /// The reply breaks what the session was promised.
    #[error("{at} cannot be trusted: {breach}")]
    Breach {
        /// Who was asked.
        at: Place,
        /// What is broken.
        #[source]
        breach: SessionBreach,
    },
    /// The session waits for an earlier write.
    #[error("the session's write {request_id} is not known yet; settle that one first")]
    Unsettled {
        /// The earlier write.
        request_id: Uuid,
    },
    /// The bank file has no such branch.
    #[error(transparent)]
    UnknownBranch(#[from] UnknownBranch),
    /// The session and the bank file are of two banks.
    #[error("the session belongs to bank {session}, but the bank file is of bank {file}; use the session of that bank")]
    BankMismatch {
        /// The session's bank.
        session: Uuid,
        /// The bank file's.
        file: Uuid,
    },
}

/// What an attempt ended in, and what it says of a write.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) failure: Failure,
    pub(crate) fate: Fate,
}

impl Failure {
    /// Another attempt may do better.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } | Self::Silent { .. } => true,
            Self::Unavailable { .. } | Self::Busy { .. } => true,
            // A branch grants at most 60 s; where the deadline is not over yet, it may be asked again.
            Self::TimedOut { .. } => true,
            Self::Other { code, .. } => {
                matches!(code, Code::Unknown | Code::Cancelled | Code::Aborted | Code::Internal)
            }
            _ => false,
        }
    }

    /// The write can never be applied, whatever became of earlier attempts.
    pub(crate) fn excludes_earlier_attempts(&self) -> bool {
        matches!(self, Self::IdInUse { .. })
    }
}

impl Attempted {
    /// Before anything was sent.
    pub(crate) fn unsent(failure: Failure) -> Self {
        Self {
            failure,
            fate: Fate::NotApplied,
        }
    }

    /// After something was sent.
    pub(crate) fn sent(failure: Failure) -> Self {
        Self {
            failure,
            fate: Fate::Unknown,
        }
    }

    /// A status, whether the branch gave it or the transport made it up.
    pub(crate) fn by_status(at: Place, status: &Status) -> Self {
        if let Some(connect) = source_of::<tonic::ConnectError>(status) {
            return Self::unsent(Failure::Unreachable {
                at,
                detail: innermost(connect),
            });
        }
        if let Some(transport) = source_of::<tonic::transport::Error>(status) {
            if source_of::<tonic::TimeoutExpired>(status).is_some() {
                return Self::sent(Failure::TimedOut { at });
            }
            // The transport makes this code up for pings without an answer, and for nothing else once it is connected.
            if status.code() == Code::Unavailable {
                return Self::sent(Failure::Silent { at });
            }
            return Self::sent(Failure::Lost {
                at,
                detail: innermost(transport),
            });
        }
        let fate = match text(status, "bank-fate") {
            Some("not-applied") => Fate::NotApplied,
            _ => Fate::Unknown,
        };
        let message = status.message().to_owned();
        let failure = match status.code() {
            Code::Unavailable => Failure::Unavailable { at, message },
            Code::ResourceExhausted => Failure::Busy { at, message },
            Code::InvalidArgument => Failure::Invalid { at, message },
            Code::FailedPrecondition => Failure::Precondition { at, message },
            Code::NotFound => Failure::NoSuchAccount { at, message },
            Code::AlreadyExists => Failure::IdInUse { at, message },
            Code::DeadlineExceeded => match (number(status, "bank-position"), number(status, "bank-position-needed")) {
                (Some(position), Some(needed)) if position < needed => Failure::Behind { at, position, needed },
                _ => Failure::TimedOut { at },
            },
            code => Failure::Other { at, code, message },
        };
        Self { failure, fate }
    }
}

fn text<'a>(status: &'a Status, key: &str) -> Option<&'a str> {
    status.metadata().get(key)?.to_str().ok()
}

fn number(status: &Status, key: &str) -> Option<u64> {
    text(status, key)?.parse().ok()
}

/// The first error of type `E` among the sources of `status`.
fn source_of<E: std::error::Error + 'static>(status: &Status) -> Option<&E> {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// What the last source says: `Connection refused (os error 111)` rather than `transport error`.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempted(code: Code, metadata: &[(&'static str, &str)]) -> Attempted {
        let mut status = Status::new(code, "why");
        for (key, value) in metadata {
            status.metadata_mut().insert(*key, value.parse().expect("ASCII"));
        }
        let at = Place {
            branch: Some(2),
            address: "h:1".parse().expect("one"),
        };
        Attempted::by_status(at, &status)
    }

    #[test]
    fn only_what_says_not_applied_is_not_applied() {
        let table = [
            (Code::Unavailable, &[][..], Fate::Unknown, true),
            (
                Code::Unavailable,
                &[("bank-fate", "not-applied")][..],
                Fate::NotApplied,
                true,
            ),
            (Code::Unavailable, &[("bank-fate", "unknown")][..], Fate::Unknown, true),
            (
                Code::ResourceExhausted,
                &[("bank-fate", "not-applied")][..],
                Fate::NotApplied,
                true,
            ),
            (Code::InvalidArgument, &[][..], Fate::Unknown, false),
            (
                Code::InvalidArgument,
                &[("bank-fate", "not-applied")][..],
                Fate::NotApplied,
                false,
            ),
            (
                Code::FailedPrecondition,
                &[("bank-fate", "NOT-APPLIED")][..],
                Fate::Unknown,
                false,
            ),
            (
                Code::AlreadyExists,
                &[("bank-fate", "not-applied")][..],
                Fate::NotApplied,
                false,
            ),
            // A read that finds too many waiting.
            (Code::ResourceExhausted, &[][..], Fate::Unknown, true),
            // A message that is too large.
            (
                Code::OutOfRange,
                &[("bank-fate", "not-applied")][..],
                Fate::NotApplied,
                false,
            ),
            (Code::Internal, &[][..], Fate::Unknown, true),
            (Code::Unimplemented, &[][..], Fate::Unknown, false),
            (Code::DeadlineExceeded, &[][..], Fate::Unknown, true),
        ];
        for (code, metadata, fate, may_pass) in table {
            let attempted = attempted(code, metadata);
            assert_eq!(
                (attempted.fate, attempted.failure.may_pass()),
                (fate, may_pass),
                "{code:?} {metadata:?}"
            );
        }
    }

    #[test]
    fn a_branch_that_is_behind_says_what_it_has_and_what_is_needed() {
        let metadata = [("bank-position", "812"), ("bank-position-needed", "815")];
        let message = attempted(Code::DeadlineExceeded, &metadata).failure.to_string();
        assert_eq!(
            message,
            "branch 2 (h:1) is at 812, the session needs 815; try another branch or a longer --timeout"
        );
        for garbled in [
            [("bank-position", "812"), ("bank-position-needed", "x")],
            [metadata[1], metadata[1]],
        ] {
            let failure = attempted(Code::DeadlineExceeded, &garbled).failure;
            assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
        }
    }
}
