//! Conversion of the engine's failures to the statuses that other branches receive.

use openraft::error::{Fatal, RaftError};
use tonic::Status;

use super::malformed::Malformed;
use super::types::TypeConfig;

impl From<Malformed> for Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// The status after the engine has ended.
pub(super) fn stopped(fatal: Fatal<TypeConfig>) -> Status {
    Status::unavailable(format!("the branch is stopping: {fatal}"))
}

/// The status when the engine does not answer.
pub(super) fn unavailable(error: RaftError<TypeConfig>) -> Status {
    Status::unavailable(error.to_string())
}
