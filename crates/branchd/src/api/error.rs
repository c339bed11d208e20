//! Errors of the rooms below as gRPC statuses. Beside the code, a failed write says whether it may have been applied, and a
//! read how far the branch is. The keys are those of `bank.proto`.

use bank_proto::metadata::{DISK_FULL, FATE, NOT_APPLIED, POSITION, POSITION_NEEDED, UNKNOWN};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::outcome::IdReused;
use crate::file_reads::FileReadError;
use crate::reads::ReadError;
use crate::replication::engine::ProposeError;
use crate::store::BooksError;
use crate::writes::error::WriteError;

/// Says with a status that the write was not, and will not be, applied.
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

impl From<IdReused> for Status {
    fn from(error: IdReused) -> Self {
        not_applied(Self::already_exists(error.to_string()))
    }
}

impl From<ReadError> for Status {
    fn from(error: ReadError) -> Self {
        let code = match error {
            ReadError::Behind { .. } | ReadError::Applying { .. } => Code::DeadlineExceeded,
            ReadError::Unconfirmed { .. } => Code::Unavailable,
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

impl From<FileReadError> for Status {
    fn from(error: FileReadError) -> Self {
        let message = error.to_string();
        match error {
            FileReadError::Busy | FileReadError::Books(BooksError::Full { .. }) => Self::resource_exhausted(message),
            FileReadError::Books(_) | FileReadError::Ended(_) => Self::internal(message),
        }
    }
}

/// A read index that the engine did not give.
impl From<ProposeError> for Status {
    fn from(error: ProposeError) -> Self {
        Self::unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_says_whether_it_may_have_been_applied() {
        let branch = 7;
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
            (WriteError::Stopping { branch }, Code::Unavailable, NOT_APPLIED),
            (WriteError::InDoubt { branch }, Code::Unavailable, UNKNOWN),
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
}
