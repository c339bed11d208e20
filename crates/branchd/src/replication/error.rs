//! Failures of the engine, as the statuses that another branch is told.

use openraft::error::{Fatal, RaftError};
use tonic::Status;

use super::convert::Malformed;
use super::types::TypeConfig;

impl From<Malformed> for Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// The engine has ended.
pub(super) fn stopped(fatal: Fatal<TypeConfig>) -> Status {
    Status::unavailable(format!("the branch is stopping: {fatal}"))
}

/// The engine did not answer.
pub(super) fn unavailable(error: RaftError<TypeConfig>) -> Status {
    Status::unavailable(error.to_string())
}
