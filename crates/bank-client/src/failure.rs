//! Failures of one attempt at one branch, and what each says of a write.

use std::fmt;

use bank_proto::metadata;
use bank_tls::DialError;
use bank_types::{Address, Certainty, Position, RequestId};
use thiserror::Error;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::bank_file::UnknownBranch;
use crate::session::SessionBreach;

/// A branch as it is named in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Number of the branch. `None` if no bank file gives it.
    pub branch: Option<u32>,
    /// Address at which it was asked.
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

/// The failure of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// No connection was made, so nothing was sent.
    #[error("{at} cannot be reached: {detail}; is it running, and is the address right?")]
    Unreachable {
        /// Branch that was asked.
        at: Place,
        /// Message of the operating system.
        detail: String,
    },
    /// The branch and this program failed to authenticate each other, for example because their secrets differ. Nothing
    /// was sent.
    #[error("{message}")]
    Unauthenticated {
        /// Branch that was asked.
        at: Place,
        /// The reason, in a sentence that names the branch.
        message: String,
    },
    /// The TLS handshake failed: another branch answered than was expected, or one side refused the certificate of the other.
    /// Nothing was sent.
    #[error("{at}: {reason}")]
    NotTrusted {
        /// Branch that was asked.
        at: Place,
        /// The reason, as a sentence.
        reason: String,
    },
    /// The branch does not let this client make the call: it does not know the client, or the client's role does not
    /// allow the call.
    #[error("{at} denies the call: {message}")]
    Denied {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch, which says what is needed.
        message: String,
    },
    /// The client has a token, and the connection would neither be encrypted nor stay on this host. Nothing was sent.
    #[error(
        "the token is not sent to {at}, because the connection is not encrypted: give --certs-dir or --trusted-ca-file"
    )]
    TokenKept {
        /// Branch that was to be asked.
        at: Place,
    },
    /// The connection ended before an answer came.
    #[error("the connection to {at} was lost: {detail}")]
    Lost {
        /// Branch that was asked.
        at: Place,
        /// Message of the transport.
        detail: String,
    },
    /// The branch answers no ping: its process is stopped, or its host is cut off.
    #[error("{at} answers no ping: it is stopped or cut off; try another branch")]
    Silent {
        /// Branch that was asked.
        at: Place,
    },
    /// The deadline passed.
    #[error("{at} did not answer in time; try another branch or a longer --timeout")]
    TimedOut {
        /// Branch that was asked.
        at: Place,
    },
    /// The deadline passed while the branch waited for a position.
    #[error("{at} is at {position}, the session needs {needed}; try another branch or a longer --timeout")]
    Behind {
        /// Branch that was asked.
        at: Place,
        /// Position that the branch has applied.
        position: Position,
        /// Position that the read needs.
        needed: Position,
    },
    /// The branch stopped waiting for what an operator asked for. It goes on by itself.
    #[error("{at} did not finish in time: {message}")]
    Unfinished {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// The branch cannot serve at present.
    #[error("{at} is not available: {message}")]
    Unavailable {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// The branch is overloaded, or its disk is full.
    #[error("{at} is overloaded or out of space: {message}")]
    Busy {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// The branch rejects the request as malformed.
    #[error("{at} does not understand the request: {message}")]
    Invalid {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// The session belongs to another bank, or the branch has no bank.
    #[error("{at} cannot serve this session: {message}")]
    Precondition {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// A read names an account that does not exist.
    #[error("{at} knows no such account: {message}")]
    NoSuchAccount {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// The request id was used for another write.
    #[error("{at} knows the request id from another write: {message}; give each write an id of its own")]
    IdInUse {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
    },
    /// Any other status.
    #[error("{at} failed ({code:?}): {message}")]
    Other {
        /// Branch that was asked.
        at: Place,
        /// The gRPC code.
        code: Code,
        /// Message of the branch.
        message: String,
    },
    /// The reply does not follow the protocol.
    #[error("{at} gave a reply that makes no sense: {what}; does a branch of a bank listen there?")]
    Malformed {
        /// Branch that was asked.
        at: Place,
        /// What is wrong with the reply.
        what: String,
    },
    /// The reply breaks a guarantee of the session.
    #[error("{at} cannot be trusted: {breach}")]
    Breach {
        /// Branch that was asked.
        at: Place,
        /// The guarantee that is broken.
        #[source]
        breach: SessionBreach,
    },
    /// The request has a wrong account name or amount. Nothing was sent.
    #[error("the request is not sent: {what}")]
    InvalidArgument {
        /// What is wrong with it.
        what: String,
    },
    /// The session waits for an earlier write.
    #[error("the session's write {request_id} is not known yet; settle that one first")]
    Unsettled {
        /// Request id of the earlier write.
        request_id: RequestId,
    },
    /// The bank file does not list the branch.
    #[error(transparent)]
    UnknownBranch(#[from] UnknownBranch),
    /// The session and the bank file belong to different banks.
    #[error("the session belongs to bank {session}, but the bank file is of bank {file}; use the session of that bank")]
    BankMismatch {
        /// Bank of the session.
        session: Uuid,
        /// Bank of the bank file.
        file: Uuid,
    },
}

/// The failure of an attempt, and what it says of a write.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) failure: Failure,
    pub(crate) certainty: Certainty,
}

impl Failure {
    /// The branch's own message. `None` if the branch gave no message.
    pub fn branch_message(&self) -> Option<&str> {
        match self {
            Self::Unfinished { message, .. }
            | Self::Unavailable { message, .. }
            | Self::Busy { message, .. }
            | Self::Invalid { message, .. }
            | Self::Precondition { message, .. }
            | Self::NoSuchAccount { message, .. }
            | Self::IdInUse { message, .. }
            | Self::Denied { message, .. }
            | Self::Other { message, .. } => Some(message),
            _ => None,
        }
    }

    /// The branch that was asked. `None` if nothing was sent.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Unreachable { at, .. }
            | Self::Unauthenticated { at, .. }
            | Self::NotTrusted { at, .. }
            | Self::Denied { at, .. }
            | Self::TokenKept { at }
            | Self::Lost { at, .. }
            | Self::Silent { at }
            | Self::TimedOut { at }
            | Self::Behind { at, .. }
            | Self::Unfinished { at, .. }
            | Self::Unavailable { at, .. }
            | Self::Busy { at, .. }
            | Self::Invalid { at, .. }
            | Self::Precondition { at, .. }
            | Self::NoSuchAccount { at, .. }
            | Self::IdInUse { at, .. }
            | Self::Other { at, .. }
            | Self::Malformed { at, .. }
            | Self::Breach { at, .. } => Some(at),
            Self::InvalidArgument { .. }
            | Self::Unsettled { .. }
            | Self::UnknownBranch(_)
            | Self::BankMismatch { .. } => None,
        }
    }

    /// What the branch did, in a few words that follow its name: `did not answer`, `is behind (at 1, needs 2)`.
    pub fn in_short(&self) -> String {
        match self {
            Self::Unreachable { .. } => "cannot be reached".to_owned(),
            Self::Silent { .. } | Self::TimedOut { .. } => "did not answer".to_owned(),
            Self::Lost { .. } => "closed the connection".to_owned(),
            Self::Behind { position, needed, .. } => format!("is behind (at {position}, needs {needed})"),
            Self::Busy { .. } => "is overloaded or out of space".to_owned(),
            Self::Unavailable { .. } => "is not available".to_owned(),
            Self::Denied { .. } => "denies the call".to_owned(),
            Self::NotTrusted { .. } | Self::Unauthenticated { .. } => {
                "is not trusted, or does not trust this side".to_owned()
            }
            _ => "cannot serve".to_owned(),
        }
    }

    /// Whether the branch has not reached the position that the read needs.
    pub(crate) fn is_behind(&self) -> bool {
        matches!(self, Self::Behind { .. })
    }

    /// Whether another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } | Self::Silent { .. } => true,
            Self::Unavailable { .. } | Self::Busy { .. } => true,
            // A branch waits at most 60 s. If the deadline is later than that, the branch may be asked again.
            Self::TimedOut { .. } => true,
            Self::Other { code, .. } => {
                matches!(code, Code::Unknown | Code::Cancelled | Code::Aborted | Code::Internal)
            }
            _ => false,
        }
    }

    /// The failure of making a connection. If the other side is the wrong one, or refuses this one, another attempt
    /// cannot succeed.
    pub(crate) fn of_connecting(at: Place, error: &(dyn std::error::Error + 'static)) -> Self {
        match source_of::<DialError>(error) {
            Some(DialError::Tls { error, .. }) if error.is_refusal() => Self::NotTrusted {
                at,
                reason: error.to_string(),
            },
            Some(refusal) if refusal.is_refusal() => Self::Unauthenticated {
                at,
                message: refusal.to_string(),
            },
            // A branch without certificates ends the connection, and so does one that is being stopped.
            Some(DialError::Tls { error, .. }) => Self::Lost {
                at,
                detail: format!("{error}; was the branch started with certificates (--certs-dir)?"),
            },
            _ => Self::Unreachable {
                at,
                detail: innermost(error),
            },
        }
    }

    /// Whether the write cannot have been applied by an earlier attempt either.
    pub(crate) fn excludes_earlier_attempts(&self) -> bool {
        matches!(self, Self::IdInUse { .. })
    }
}

impl Attempted {
    /// A failure before anything was sent.
    pub(crate) fn unsent(failure: Failure) -> Self {
        Self {
            failure,
            certainty: Certainty::NotApplied,
        }
    }

    /// A failure after something was sent.
    pub(crate) fn sent(failure: Failure) -> Self {
        Self {
            failure,
            certainty: Certainty::Unknown,
        }
    }

    /// The failure that a status stands for. Either the branch or the transport made the status.
    pub(crate) fn by_status(at: Place, status: &Status) -> Self {
        if let Some(connect) = source_of::<tonic::ConnectError>(status) {
            return Self::unsent(Failure::of_connecting(at, connect));
        }
        if let Some(transport) = source_of::<tonic::transport::Error>(status) {
            if source_of::<tonic::TimeoutExpired>(status).is_some() {
                return Self::sent(Failure::TimedOut { at });
            }
            // Once it is connected, the transport makes this code for unanswered pings only.
            if status.code() == Code::Unavailable {
                return Self::sent(Failure::Silent { at });
            }
            return Self::sent(Failure::Lost {
                at,
                detail: innermost(transport),
            });
        }
        let certainty = match text(status, metadata::FATE) {
            Some(metadata::NOT_APPLIED) => Certainty::NotApplied,
            _ => Certainty::Unknown,
        };
        let message = status.message().to_owned();
        let failure = match status.code() {
            Code::Unavailable => Failure::Unavailable { at, message },
            Code::ResourceExhausted => Failure::Busy { at, message },
            Code::InvalidArgument => Failure::Invalid { at, message },
            Code::FailedPrecondition => Failure::Precondition { at, message },
            Code::NotFound => Failure::NoSuchAccount { at, message },
            Code::AlreadyExists => Failure::IdInUse { at, message },
            Code::Unauthenticated | Code::PermissionDenied => Failure::Denied { at, message },
            Code::DeadlineExceeded => match (
                number(status, metadata::POSITION),
                number(status, metadata::POSITION_NEEDED),
            ) {
                (Some(position), Some(needed)) if position < needed => Failure::Behind { at, position, needed },
                _ => Failure::TimedOut { at },
            },
            code => Failure::Other { at, code, message },
        };
        Self { failure, certainty }
    }
}

fn text<'a>(status: &'a Status, key: &str) -> Option<&'a str> {
    status.metadata().get(key)?.to_str().ok()
}

fn number(status: &Status, key: &str) -> Option<u64> {
    text(status, key)?.parse().ok()
}

/// The first error of type `E` among an error and its sources.
fn source_of<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// The message of the last source: `Connection refused (os error 111)` rather than `transport error`.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
