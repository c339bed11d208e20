//! Errors of an operation after all its attempts: one enum for reads, one for writes.

use bank_types::{Certainty, Position, RequestId};
use thiserror::Error;

use crate::failure::{Failure, Place};

/// A read that was not answered. It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The branch had not reached the position that the read needs when the deadline passed.
    #[error("{at} is at {position}, the session needs {needed}; try another branch or a longer --timeout")]
    NotInTime {
        /// Branch that was asked.
        at: Place,
        /// Position that the branch has applied.
        position: Position,
        /// Position that the read needs.
        needed: Position,
        /// Number of times that the request was sent.
        attempts: u32,
    },
    /// The account does not exist.
    #[error("{at}: {message}")]
    NoSuchAccount {
        /// Branch that was asked.
        at: Place,
        /// Message of the branch.
        message: String,
        /// Number of times that the request was sent.
        attempts: u32,
    },
    /// Any other failure.
    #[error("{cause}")]
    Failed {
        /// Failure of the last attempt.
        #[source]
        cause: Failure,
        /// Number of times that the request was sent.
        attempts: u32,
    },
}

/// A write that the bank gave no decision on. An accepted or refused write is not an error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The write was not applied and never will be.
    #[error("not applied: {cause}")]
    NotApplied {
        /// Request id of the write.
        request_id: RequestId,
        /// Failure of the last attempt.
        #[source]
        cause: Failure,
        /// Number of times that the request was sent.
        attempts: u32,
    },
    /// The write may have been applied, or may still be. The same request id, sent again, tells.
    #[error("unknown whether it was applied: {cause}; ask again with the request id {request_id}")]
    Unknown {
        /// Request id of the write.
        request_id: RequestId,
        /// Failure of the last attempt.
        #[source]
        cause: Failure,
        /// Number of times that the request was sent.
        attempts: u32,
    },
}

impl ReadError {
    pub(crate) fn new(cause: Failure, attempts: u32) -> Self {
        match cause {
            Failure::Behind { at, position, needed } => Self::NotInTime {
                at,
                position,
                needed,
                attempts,
            },
            Failure::NoSuchAccount { at, message } => Self::NoSuchAccount { at, message, attempts },
            cause => Self::Failed { cause, attempts },
        }
    }

    /// The branch that the error names. `None` if nothing was sent.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::NotInTime { at, .. } | Self::NoSuchAccount { at, .. } => Some(at),
            Self::Failed { cause, .. } => cause.place(),
        }
    }

    /// Number of times that the request was sent.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::NotInTime { attempts, .. } | Self::NoSuchAccount { attempts, .. } | Self::Failed { attempts, .. } => {
                *attempts
            }
        }
    }
}

impl WriteError {
    pub(crate) fn new(request_id: RequestId, certainty: Certainty, cause: Failure, attempts: u32) -> Self {
        match certainty {
            Certainty::NotApplied => Self::NotApplied {
                request_id,
                cause,
                attempts,
            },
            Certainty::Unknown => Self::Unknown {
                request_id,
                cause,
                attempts,
            },
        }
    }

    /// What is known of the write.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::NotApplied { .. } => Certainty::NotApplied,
            Self::Unknown { .. } => Certainty::Unknown,
        }
    }

    /// Failure of the last attempt.
    pub fn cause(&self) -> &Failure {
        match self {
            Self::NotApplied { cause, .. } | Self::Unknown { cause, .. } => cause,
        }
    }

    /// Number of times that the request was sent.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::NotApplied { attempts, .. } | Self::Unknown { attempts, .. } => *attempts,
        }
    }
}
