//! What a failed call says, beside its status, of what became of it. The keys are those of `bank.proto`.

use bank_proto::metadata::{DISK_FULL, FATE, NOT_APPLIED, POSITION, POSITION_NEEDED, UNKNOWN};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::reads::ReadError;
use crate::writes::error::WriteError;

/// The status says that the write was not, and will not be, applied.
pub(crate) fn not_applied(mut status: Status) -> Status {
    status
        .metadata_mut()
        .insert(FATE, MetadataValue::from_static(NOT_APPLIED));
    status
}

/// A failed write, as its caller hears of it.
pub(crate) fn of_write(error: &WriteError) -> Status {
    let code = match error {
        WriteError::Overloaded { .. } | WriteError::DiskFull { .. } => Code::ResourceExhausted,
        WriteError::NotLeader { .. }
        | WriteError::NotApplied
        | WriteError::NoLeader { .. }
        | WriteError::Stopping { .. }
        | WriteError::InDoubt { .. } => Code::Unavailable,
        WriteError::Unknown => Code::DeadlineExceeded,
    };
    let mut status = Status::new(code, error.to_string());
    let fate = if error.may_be_applied() { UNKNOWN } else { NOT_APPLIED };
    status.metadata_mut().insert(FATE, MetadataValue::from_static(fate));
    if matches!(error, WriteError::DiskFull { .. }) {
        status
            .metadata_mut()
            .insert(DISK_FULL, MetadataValue::from_static("true"));
    }
    status
}

/// A read that was not served in time.
pub(crate) fn of_read(error: &ReadError) -> Status {
    let code = match error {
        ReadError::Behind { .. } | ReadError::Applying { .. } => Code::DeadlineExceeded,
        ReadError::Unconfirmed { .. } => Code::Unavailable,
        ReadError::TooManyOfConnection { .. } | ReadError::TooMany { .. } => Code::ResourceExhausted,
    };
    let mut status = Status::new(code, error.to_string());
    if let ReadError::Behind { at, needed, .. } = error {
        status.metadata_mut().insert(POSITION, (*at).into());
        status.metadata_mut().insert(POSITION_NEEDED, (*needed).into());
    }
    status
}
