//! How a call of a customer ended.

use serde::{Deserialize, Serialize};

use crate::certainty::Certainty;
use crate::words::words;

/// How a call of a customer ended, as the customer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// A read was answered.
    Answered,
    /// The bank applied a write.
    Accepted,
    /// The bank decided against a write.
    Refused,
    /// A write was not applied and never will be.
    NotApplied,
    /// It is not known whether a write was applied.
    Unknown,
    /// A read was not answered.
    Failed,
}

words!(CallOutcome {
    Answered = "answered",
    Accepted = "accepted",
    Refused = "refused",
    NotApplied = "not-applied",
    Unknown = "unknown",
    Failed = "failed",
});

impl From<Certainty> for CallOutcome {
    fn from(certainty: Certainty) -> Self {
        match certainty {
            Certainty::NotApplied => Self::NotApplied,
            Certainty::Unknown => Self::Unknown,
        }
    }
}
