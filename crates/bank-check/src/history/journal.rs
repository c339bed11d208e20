//! The commands that one branch applied, in order.

use super::operation::{Action, Outcome};
use serde::{Deserialize, Serialize};

/// The commands that one branch applied, and how far the branch had come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    /// Branch number.
    pub branch: u32,
    /// Last position that the branch had applied when it was asked.
    pub position: u64,
    /// SHA-256 of everything decided up to `position`, in hexadecimal. Branches with equal state have equal digests at
    /// equal positions. Empty if the branch gave none.
    pub digest: String,
    /// The leaders whose log entries the branch applied while its process ran, oldest first. Empty if they are not
    /// known, as in run folders of older versions. The judge does not use them.
    pub leaders: Vec<Leader>,
    /// Head of the chain of entries that the branch reports, as `POSITION:HEX`. `None` if it reports none, as in run
    /// folders of older versions.
    pub entries_head: Option<String>,
    /// Decided commands by position. A position is missing if its command repeated a request id that had been decided
    /// before.
    pub applied: Vec<Applied>,
}

/// One line of `journals/branch-N.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JournalLine {
    /// The first line: the branch and how far it had come.
    Branch {
        /// See [`Journal::branch`].
        branch: u32,
        /// See [`Journal::position`].
        position: u64,
        /// See [`Journal::digest`].
        digest: String,
        /// See [`Journal::leaders`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        leaders: Vec<Leader>,
        /// See [`Journal::entries_head`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entries_head: Option<String>,
    },
    /// Every other line: one command.
    Applied(Applied),
}

/// A branch that led, by the first of its log entries that the journal's branch applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leader {
    /// Number of the election.
    pub term: u64,
    /// Number of the branch that led. `None` if it had left the bank.
    pub branch: Option<u32>,
    /// This leader put the commands after this position into their order, up to the same position of the next leader.
    pub after_position: u64,
    /// Time at which the journal's branch applied the leader's first entry, by the clock of the run. `None` if that was
    /// before the clock began.
    pub from_us: Option<u64>,
}

/// One command that a branch decided and applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Position of the command in the journal.
    pub position: u64,
    /// Request id, a UUID.
    pub request_id: String,
    /// The request. It is never a query.
    pub action: Action,
    /// Accepted or refused.
    pub outcome: Outcome,
    /// Balance of the account right after the command, in minor units. For a transfer, of the account that pays.
    pub balance: i64,
    /// For a transfer, balance of the account that is paid, right after the command.
    pub to_balance: Option<i64>,
    /// Time at which a branch took the command, by that branch's clock: microseconds since 1970 (UTC). `None` in run
    /// folders of older versions. 0 for a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_us: Option<i64>,
    /// Time at which this branch applied the command, by the clock of the run. `None` if the branch does not know it,
    /// or if it applied the command before that clock began.
    pub applied_us: Option<u64>,
}
