//! The point in the log that a linearizable read waits for.

use bank_proto::v1;

use super::convert;
use super::malformed::Malformed;
use super::types::LogId;

/// The point in the log that a linearizable read waits for: a state that has applied it has every write that was
/// acknowledged before the leader was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadIndex(pub(super) LogId);

impl From<ReadIndex> for v1::LogId {
    fn from(index: ReadIndex) -> Self {
        convert::log_id_to_wire(&index.0)
    }
}

impl TryFrom<v1::LogId> for ReadIndex {
    type Error = Malformed;

    fn try_from(message: v1::LogId) -> Result<Self, Malformed> {
        convert::log_id_from_wire(message).map(Self)
    }
}
