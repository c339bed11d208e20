//! The exit codes, which scripts rely on.

use std::process::ExitCode;

use bank_client::{Failure, ReadError, WriteError};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: what was asked is done.
    Done,
    /// 1: a read got no answer, or the answer could not be written out.
    Failed,
    /// 2: the command line, a file or stdin is wrong; nothing was sent.
    Usage,
    /// 3: the bank said no: a refused write, an account that there is not, a session of another bank.
    Refused,
    /// 4: a write was not, and will not be, applied.
    NotApplied,
    /// 5: a write may have been applied, or still be.
    Unknown,
    /// 141, as a shell calls the end by SIGPIPE: a replay stopped because nobody reads its output any more, or because
    /// whoever held the other end of its stdin is gone.
    NobodyReads,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NotApplied => 4,
            Self::Unknown => 5,
            Self::NobodyReads => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl From<&ReadError> for Exit {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::NotInTime { .. } => Self::Failed,
            ReadError::NoSuchAccount { .. } => Self::Refused,
            ReadError::Failed { cause, .. } => by_cause(cause).unwrap_or(Self::Failed),
        }
    }
}

impl From<&WriteError> for Exit {
    fn from(error: &WriteError) -> Self {
        match error {
            WriteError::NotApplied { cause, .. } => by_cause(cause).unwrap_or(Self::NotApplied),
            WriteError::Unknown { .. } => Self::Unknown,
        }
    }
}

/// Where the cause says more than that it did not work.
fn by_cause(cause: &Failure) -> Option<Exit> {
    match cause {
        Failure::Invalid { .. } | Failure::UnknownBranch(_) | Failure::BankMismatch { .. } => Some(Exit::Usage),
        Failure::Precondition { .. } => Some(Exit::Refused),
        _ => None,
    }
}
