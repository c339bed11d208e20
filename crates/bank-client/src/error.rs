//! How an operation fails, after all its attempts: one enum for reads, one for writes.

use thiserror::Error;
use uuid::Uuid;

use crate::failure::{Failure, Fate, Place};

/// A read that could not be answered. Nothing was changed, and nothing stale was shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The branch was still behind what the session has seen when the deadline passed.
    #[error("{at} is at {position}, the session needs {needed}; try another branch or a longer --timeout")]
    NotInTime {
        /// Who was asked.
        at: Place,
        /// What the branch has applied.
        position: u64,
        /// What the read needs.
        needed: u64,
        /// How often a branch was asked.
        attempts: u32,
    },
    /// There is no such account.
    #[error("{at}: {message}")]
    NoSuchAccount {
        /// Who was asked.
        at: Place,
        /// What it says.
        message: String,
        /// How often a branch was asked.
        attempts: u32,
    },
    /// Anything else.
    #[error("{cause}")]
    Failed {
        /// What the last attempt ended in.
        #[source]
        cause: Failure,
        /// How often a branch was asked.
        attempts: u32,
    },
}

/// A write that the bank gave no decision on. An accepted or refused write is no error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// It was not, and will not be, applied.
    #[error("not applied: {cause}")]
    NotApplied {
        /// The write.
        request_id: Uuid,
        /// What the last attempt ended in.
        #[source]
        cause: Failure,
        /// How often a branch was asked.
        attempts: u32,
    },
    /// It may have been applied, or still be. The same request id, asked again, tells.
    #[error("unknown whether it was applied: {cause}; ask again with the request id {request_id}")]
    Unknown {
        /// The write.
        request_id: Uuid,
        /// What the last attempt ended in.
        #[source]
        cause: Failure,
        /// How often a branch was asked.
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

    /// How often a branch was asked.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::NotInTime { attempts, .. } | Self::NoSuchAccount { attempts, .. } | Self::Failed { attempts, .. } => {
                *attempts
            }
        }
    }
}

impl WriteError {
    pub(crate) fn new(request_id: Uuid, fate: Fate, cause: Failure, attempts: u32) -> Self {
        match fate {
            Fate::NotApplied => Self::NotApplied {
                request_id,
                cause,
                attempts,
            },
            Fate::Unknown => Self::Unknown {
                request_id,
                cause,
                attempts,
            },
        }
    }

    /// What became of the write.
    pub fn fate(&self) -> Fate {
        match self {
            Self::NotApplied { .. } => Fate::NotApplied,
            Self::Unknown { .. } => Fate::Unknown,
        }
    }

    /// What the last attempt ended in.
    pub fn cause(&self) -> &Failure {
        match self {
            Self::NotApplied { cause, .. } | Self::Unknown { cause, .. } => cause,
        }
    }

    /// How often a branch was asked.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::NotApplied { attempts, .. } | Self::Unknown { attempts, .. } => *attempts,
        }
    }
}
