//! What one branch applied.

use super::operation::{Action, Outcome};
use serde::{Deserialize, Serialize};

/// What one branch applied, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    /// The branch.
    pub branch: u32,
    /// How far it had come when it was asked.
    pub position: u64,
    /// SHA-256 over everything decided up to there, in hexadecimal: equal at equal positions, or the books differ.
    /// Empty: the branch gave none.
    pub digest: String,
    /// The decided commands, by position. A position that is missing repeated an id that had been decided before.
    pub applied: Vec<Applied>,
}

/// A line of `journals/branch-N.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JournalLine {
    /// The first line.
    Branch {
        /// The branch.
        branch: u32,
        /// As in [`Journal`].
        position: u64,
        /// As in [`Journal`].
        digest: String,
    },
    /// All others.
    Applied(Applied),
}

/// One command that a branch decided and applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Its position.
    pub position: u64,
    /// Its request id, a UUID.
    pub request_id: String,
    /// What was asked; never a query.
    pub action: Action,
    /// Accepted or refused.
    pub outcome: Outcome,
    /// The balance of its (paying) account right after, in minor units.
    pub balance: i64,
    /// Of a transfer: the balance of the account that was paid, right after.
    pub to_balance: Option<i64>,
    /// When this branch applied it, by the run's clock; `None` where the branch no longer knows, or did before that began.
    pub applied_us: Option<u64>,
}
