//! Maps the errors of a branch's operations to gRPC status. A status has the message of its error. Its metadata says
//! whether a failed write may have been applied, and how far the branch is for a failed read. `bank.proto` defines the
//! keys.

use bank_proto::metadata::{DISK_FULL, FATE, NOT_APPLIED, POSITION, POSITION_NEEDED, UNKNOWN};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::outcome::IdReused;
use crate::access::Denial;
use crate::branch_client::{BranchCallError, CallError};
use crate::branch_error::{AdoptError, BankUnavailable};
use crate::file_reads::FileReadError;
use crate::membership::{FoundError, JoinError, PromoteError, RemoveError};
use crate::peers::PeerHeaderError;
use crate::reads::ReadError;
use crate::reconfiguration::{MembershipChangeError, NotAMember};
use crate::replication::engine::ProposeError;
use crate::store::BooksError;
use crate::writes::error::WriteError;

/// Adds to a status that the write was not applied and will not be.
pub(crate) fn not_applied(mut status: Status) -> Status {
    status
        .metadata_mut()
        .insert(FATE, MetadataValue::from_static(NOT_APPLIED));
    status
}

impl From<WriteError> for Status {
    fn from(error: WriteError) -> Self {
        let code = match error {
            WriteError::Overloaded { .. } | WriteError::Propagating { .. } | WriteError::DiskFull { .. } => {
                Code::ResourceExhausted
            }
            WriteError::NotLeader { .. }
            | WriteError::NotApplied
            | WriteError::NoLeader { .. }
            | WriteError::NoMajority(_)
            | WriteError::Stopping { .. }
            | WriteError::InDoubt { .. } => Code::Unavailable,
            WriteError::Unknown => Code::DeadlineExceeded,
        };
        let mut status = Self::new(code, error.to_string());
        let fate = if error.may_be_applied() { UNKNOWN } else { NOT_APPLIED };
        let metadata = status.metadata_mut();
        metadata.insert(FATE, MetadataValue::from_static(fate));
        if matches!(error, WriteError::DiskFull { .. }) {
            metadata.insert(DISK_FULL, MetadataValue::from_static("true"));
        }
        status
    }
}

/// A call that is denied was not applied, so a write may be sent to another branch. A branch of an older version forwards
/// writes and counts on that.
impl From<Denial> for Status {
    fn from(denial: Denial) -> Self {
        let code = match denial.is_unauthenticated() {
            true => Code::Unauthenticated,
            false => Code::PermissionDenied,
        };
        not_applied(Self::new(code, denial.to_string()))
    }
}

impl From<IdReused> for Status {
    fn from(error: IdReused) -> Self {
        not_applied(Self::already_exists(error.to_string()))
    }
}

impl From<ReadError> for Status {
    fn from(error: ReadError) -> Self {
        let code = match error {
            ReadError::Behind { .. } | ReadError::Applying { .. } => Code::DeadlineExceeded,
            ReadError::Unconfirmed { .. } | ReadError::NoMajority(_) => Code::Unavailable,
            ReadError::TooManyOfConnection { .. } | ReadError::TooMany { .. } => Code::ResourceExhausted,
        };
        let mut status = Self::new(code, error.to_string());
        if let ReadError::Behind { at, needed, .. } = error {
            status.metadata_mut().insert(POSITION, at.into());
            status.metadata_mut().insert(POSITION_NEEDED, needed.into());
        }
        status
    }
}

/// The status of a read for which the engine gave no read index.
impl From<ProposeError> for Status {
    fn from(error: ProposeError) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// The gRPC status code of an error.
trait StatusCode: ToString {
    fn code(&self) -> Code;
}

/// Implements the conversion of errors to a status with their code and message.
macro_rules! into_status {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Status {
            fn from(error: $error) -> Self {
                Self::new(error.code(), error.to_string())
            }
        }
    )+};
}

into_status!(
    AdoptError,
    BankUnavailable,
    FileReadError,
    FoundError,
    JoinError,
    MembershipChangeError,
    NotAMember,
    PeerHeaderError,
    PromoteError,
    RemoveError,
);

impl StatusCode for BankUnavailable {
    fn code(&self) -> Code {
        match self {
            Self::Ending { .. } => Code::Unavailable,
            Self::None { .. } => Code::FailedPrecondition,
        }
    }
}

impl StatusCode for NotAMember {
    fn code(&self) -> Code {
        Code::Unavailable
    }
}

impl StatusCode for PeerHeaderError {
    fn code(&self) -> Code {
        match self {
            Self::Missing => Code::InvalidArgument,
            Self::OtherSender { .. } => Code::PermissionDenied,
            Self::OtherFormat { .. } | Self::OtherBank { .. } | Self::OtherReplica { .. } => Code::FailedPrecondition,
        }
    }
}

impl StatusCode for FileReadError {
    fn code(&self) -> Code {
        match self {
            Self::Busy | Self::Books(BooksError::Full { .. }) => Code::ResourceExhausted,
            Self::Books(_) | Self::Ended(_) => Code::Internal,
        }
    }
}

impl StatusCode for AdoptError {
    fn code(&self) -> Code {
        match self {
            Self::OtherBank { .. } | Self::OtherCertificate { .. } => Code::FailedPrecondition,
            Self::Open(_) => Code::Internal,
        }
    }
}

impl StatusCode for CallError {
    fn code(&self) -> Code {
        match self {
            Self::Unavailable { .. } => Code::Unavailable,
            Self::TimedOut(_) => Code::DeadlineExceeded,
            Self::Failed { code, .. } => *code,
            Self::Malformed(_) => Code::Internal,
        }
    }
}

impl StatusCode for BranchCallError {
    fn code(&self) -> Code {
        match self.error() {
            CallError::Unavailable {
                refused_handshake: Some(_),
                ..
            } => Code::FailedPrecondition,
            error => error.code(),
        }
    }
}

/// The code for another branch. NOT_FOUND tells it that the bank has no such branch.
impl StatusCode for MembershipChangeError {
    fn code(&self) -> Code {
        match self {
            error if error.is_unknown_branch() => Code::NotFound,
            Self::Refused(_) | Self::StillAnswers { .. } => Code::FailedPrecondition,
            Self::AtLeader { error } => error.code(),
            Self::NoLeader
            | Self::NotLeader
            | Self::LeaderChanged
            | Self::LeaderSilent
            | Self::HandingOver
            | Self::NotConfirmed
            | Self::Busy
            | Self::NotInTime(_) => Code::Unavailable,
        }
    }
}

/// The code for an operator, who gets FAILED_PRECONDITION instead of NOT_FOUND.
fn for_operator(error: &MembershipChangeError) -> Code {
    match error.code() {
        Code::NotFound => Code::FailedPrecondition,
        code => code,
    }
}

impl StatusCode for FoundError {
    fn code(&self) -> Code {
        match self {
            Self::BranchCount(_)
            | Self::NumberZero
            | Self::NumberTwice(_)
            | Self::AddressTwice(_)
            | Self::PeerAddressMissing { .. }
            | Self::NegativeBalance(_)
            | Self::VoterCount { .. }
            | Self::NotAmong(_) => Code::InvalidArgument,
            Self::Address { .. }
            | Self::NoPeerListener { .. }
            | Self::Exists { .. }
            | Self::OtherNumber { .. }
            | Self::TwoBanks { .. }
            | Self::OtherPlan { .. } => Code::FailedPrecondition,
            Self::Busy(_) | Self::Begin { .. } | Self::AddLearners(_) | Self::Open { .. } => Code::Unavailable,
            Self::NoBankId { .. } => Code::Internal,
            Self::Call(error) => error.code(),
            Self::Adopt(error) => error.code(),
            Self::Bank(error) => error.code(),
        }
    }
}

impl StatusCode for JoinError {
    fn code(&self) -> Code {
        match self {
            Self::NoBranch => Code::InvalidArgument,
            Self::Address { .. }
            | Self::AskedToJoinItself(_)
            | Self::AskedJoiner(_)
            | Self::OtherNumber { .. }
            | Self::OtherBank { .. }
            | Self::Removed(_) => Code::FailedPrecondition,
            Self::ProgressUnknown(_) | Self::NotInTime { .. } | Self::Behind { .. } => Code::DeadlineExceeded,
            Self::Bank(error) => error.code(),
            Self::Call(error) => error.code(),
            Self::Change(error) => for_operator(error),
        }
    }
}

impl StatusCode for PromoteError {
    fn code(&self) -> Code {
        match self {
            Self::NoBranch => Code::InvalidArgument,
            Self::Removed(_) => Code::FailedPrecondition,
            Self::NotInTime(_) => Code::DeadlineExceeded,
            Self::Bank(error) => error.code(),
            Self::Change(error) => for_operator(error),
        }
    }
}

impl StatusCode for RemoveError {
    fn code(&self) -> Code {
        match self {
            Self::NoBranch => Code::InvalidArgument,
            Self::Bank(error) => error.code(),
            Self::Change(error) => for_operator(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_auth::BranchIdentity;
    use bank_proto::v1;
    use uuid::Uuid;

    use crate::peers::{FORMAT, Identity};
    use crate::replication::majority::NoMajority;

    #[test]
    fn a_failed_write_says_whether_it_may_have_been_applied() {
        let branch = 7;
        let lost = NoMajority {
            branch,
            reached: 1,
            voters: 3,
        };
        for (error, code, fate) in [
            (
                WriteError::Overloaded { branch, max: 1 },
                Code::ResourceExhausted,
                NOT_APPLIED,
            ),
            (
                WriteError::Propagating { branch, max: 1 },
                Code::ResourceExhausted,
                NOT_APPLIED,
            ),
            (WriteError::DiskFull { branch }, Code::ResourceExhausted, NOT_APPLIED),
            (WriteError::NotLeader { branch }, Code::Unavailable, NOT_APPLIED),
            (WriteError::NotApplied, Code::Unavailable, NOT_APPLIED),
            (WriteError::NoLeader { branch }, Code::Unavailable, NOT_APPLIED),
            (WriteError::NoMajority(lost), Code::Unavailable, NOT_APPLIED),
            (WriteError::Stopping { branch }, Code::Unavailable, NOT_APPLIED),
            (WriteError::InDoubt { branch, lost: None }, Code::Unavailable, UNKNOWN),
            (WriteError::Unknown, Code::DeadlineExceeded, UNKNOWN),
        ] {
            let disk_full = matches!(error, WriteError::DiskFull { .. });
            let status = Status::from(error);
            let metadata = status.metadata();
            assert_eq!(status.code(), code, "{status:?}");
            assert_eq!(metadata.get(FATE).expect("a fate"), fate, "{status:?}");
            assert_eq!(metadata.contains_key(DISK_FULL), disk_full, "{status:?}");
        }
    }

    #[test]
    fn a_message_is_of_the_branch_at_the_other_end_for_this_replica_of_this_bank() {
        let here = Identity {
            bank_id: Uuid::from_u128(7),
            branch: 1,
            replica: 0x1111_2222_3333_4444,
        };
        let sender = BranchIdentity {
            branch: 2,
            replica: 0x5555_6666_7777_8888,
        };
        let good = || v1::Peer {
            format: FORMAT,
            bank_id: here.bank_id.as_bytes().to_vec(),
            from_branch: 2,
            to_replica: here.replica,
        };
        assert!(here.check(Some(good()), sender).is_ok());
        let table = [
            (None, Code::InvalidArgument),
            (
                Some(v1::Peer {
                    from_branch: 3,
                    ..good()
                }),
                Code::PermissionDenied,
            ),
            (
                Some(v1::Peer {
                    format: FORMAT - 1,
                    ..good()
                }),
                Code::FailedPrecondition,
            ),
            (
                Some(v1::Peer {
                    bank_id: vec![7; 16],
                    ..good()
                }),
                Code::FailedPrecondition,
            ),
            (
                Some(v1::Peer {
                    to_replica: 7,
                    ..good()
                }),
                Code::FailedPrecondition,
            ),
        ];
        for (peer, code) in table {
            let refused = Status::from(here.check(peer, sender).expect_err("refused"));
            assert_eq!(refused.code(), code, "{refused:?}");
            for id in [here.replica, sender.replica] {
                let (hex, decimal) = (format!("{id:x}"), id.to_string());
                assert!(
                    !refused.message().contains(&hex) && !refused.message().contains(&decimal),
                    "{refused:?}"
                );
            }
        }
    }
}
