//! The exit codes, which scripts rely on.

use std::process::ExitCode;

use bank_client::{Failure, ReadError, SubmitError, WriteError};

/// The end of a run, as an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: the task is done.
    Done,
    /// 1: a read got no answer, or the answer could not be written out.
    Failed,
    /// 2: the command line, a file or stdin is wrong; nothing was sent.
    Usage,
    /// 3: the bank refused a write, an account does not exist, the session belongs to another bank, or the branch and
    /// the customer do not trust each other.
    Refused,
    /// 4: a write was not applied and never will be.
    NotApplied,
    /// 5: a write may have been applied, or may still be.
    Unknown,
    /// 141, the code that a shell gives for the end by SIGPIPE: a replay stopped because its output is not read any
    /// more, or because the program at the other end of its stdin is gone.
    NobodyReads,
}

impl Exit {
    /// The exit code.
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

impl From<&SubmitError> for Exit {
    fn from(error: &SubmitError) -> Self {
        if error.unknown > 0 {
            return Self::Unknown;
        }
        by_cause(&error.cause).unwrap_or(Self::NotApplied)
    }
}

/// Exit code of a failure that has its own code.
fn by_cause(cause: &Failure) -> Option<Exit> {
    match cause {
        Failure::Invalid { .. }
        | Failure::InvalidArgument { .. }
        | Failure::TokenKept { .. }
        | Failure::UnknownBranch(_)
        | Failure::BankMismatch { .. } => Some(Exit::Usage),
        Failure::Precondition { .. }
        | Failure::Unauthenticated { .. }
        | Failure::NotTrusted { .. }
        | Failure::Denied { .. } => Some(Exit::Refused),
        _ => None,
    }
}
