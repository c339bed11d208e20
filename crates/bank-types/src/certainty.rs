//! What is known of a write that the bank gave no decision on.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// What is known of a write that the bank gave no decision on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The write was not applied and never will be.
    NotApplied,
    /// The write may have been applied, or may still be. The same request id, sent again, tells.
    Unknown,
}

words!(Certainty {
    NotApplied = "not-applied",
    Unknown = "unknown",
});
