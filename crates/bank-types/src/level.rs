//! Consistency levels of reads.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// Consistency level of a read: how recent the state must be that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Any state that the branch has.
    Eventual,
    /// At least the session's own writes.
    ReadYourWrites,
    /// At least what the session has read before.
    MonotonicReads,
    /// At least what the session has written or read before. Because writes are totally ordered, this gives all four
    /// session guarantees.
    #[default]
    Session,
    /// Linearizable: every write that was acknowledged to any customer before the read began.
    Strong,
}

words!(Level {
    Eventual = "eventual",
    ReadYourWrites = "read-your-writes",
    MonotonicReads = "monotonic-reads",
    Session = "session",
    Strong = "strong",
});
