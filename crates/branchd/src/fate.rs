//! What a failed call says, beside its status, of what became of it. The keys are those of `bank.proto`.

use std::error::Error;

use tonic::metadata::MetadataValue;
use tonic::{Code, ConnectError, Status};

use crate::reads::ReadError;
use crate::replication::engine::ProposeError;
use crate::writes::writer::WriteError;

const FATE: &str = "bank-fate";
const NOT_APPLIED: &str = "not-applied";
const UNKNOWN: &str = "unknown";
/// Which resource is exhausted, between branches: the leader's disk, if the key is there; else its queue.
const DISK_FULL: &str = "bank-disk-full";
const POSITION: &str = "bank-position";
const POSITION_NEEDED: &str = "bank-position-needed";

/// The status says that the write was not, and will not be, applied.
pub(crate) fn not_applied(mut status: Status) -> Status {
    status
        .metadata_mut()
        .insert(FATE, MetadataValue::from_static(NOT_APPLIED));
    status
}

/// A failed write, as its caller hears of it.
pub(crate) fn of_write(error: &WriteError) -> Status {
    let (code, definite) = match error {
        WriteError::Overloaded { .. } => (Code::ResourceExhausted, true),
        WriteError::DiskFull { .. } => (Code::ResourceExhausted, true),
        WriteError::NotLeader { .. } => (Code::Unavailable, true),
        WriteError::NotApplied | WriteError::NoLeader { .. } => (Code::Unavailable, true),
        WriteError::Unknown => (Code::DeadlineExceeded, false),
        WriteError::InDoubt { .. } => (Code::Unavailable, false),
    };
    let mut status = Status::new(code, error.to_string());
    let fate = if definite { NOT_APPLIED } else { UNKNOWN };
    status.metadata_mut().insert(FATE, MetadataValue::from_static(fate));
    if matches!(error, WriteError::DiskFull { .. }) {
        status
            .metadata_mut()
            .insert(DISK_FULL, MetadataValue::from_static("true"));
    }
    status
}

/// A batch that the leader did not take, or may have taken.
pub(crate) fn of_forward(status: &Status, leader: u32) -> ProposeError {
    if !is_not_applied(status) {
        return ProposeError::Unknown(format!("branch {leader}: {}", status.message()));
    }
    match status.code() {
        Code::ResourceExhausted if status.metadata().contains_key(DISK_FULL) => {
            ProposeError::DiskFull { branch: leader }
        }
        Code::ResourceExhausted => ProposeError::Overloaded { branch: leader },
        _ => ProposeError::NotLeader,
    }
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

/// Whether a call to another branch failed in such a way that nothing of it was applied: it says so, or it never left.
fn is_not_applied(status: &Status) -> bool {
    let said = status.metadata().get(FATE).is_some_and(|fate| fate == NOT_APPLIED);
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    said
}
