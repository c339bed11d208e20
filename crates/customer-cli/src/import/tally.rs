//! Counts the outcomes of an import, and keeps its first refusals.

use bank_client::{StreamedOutcome, WriteOutcome};
use bank_types::{CallOutcome, Position, RefusalReason, RequestId, Write};
use serde::{Deserialize, Serialize};

use crate::report;

/// How many refusals are kept, for the report and for the record of the import. The others are counted.
const REFUSALS_KEPT_MAX: usize = 1000;

/// The outcomes of an import so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Writes that were accepted.
    pub accepted: u64,
    /// Writes that the bank refused.
    pub refused: u64,
    /// Writes whose request id was used for another write. They were not applied.
    pub id_in_use: u64,
    /// Highest position of a decision.
    pub position: Position,
    /// The first writes that were not accepted.
    pub refusals: Vec<Refusal>,
}

/// A write that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its line.
    pub line: u64,
    /// `refused`, or `not-applied` if its request id was used for another write.
    pub outcome: CallOutcome,
    /// The write in words.
    pub write: String,
    /// Account of the write. For a transfer, the account that pays.
    pub account: String,
    /// Balance of that account at the refusal, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// Position of the decision. If the request id is in use, that of the other write.
    pub position: Position,
    /// Request id of the write.
    pub request_id: RequestId,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// The reason as a sentence.
    pub message: String,
}

impl Tally {
    /// Number of writes that have their outcome.
    pub fn settled(&self) -> u64 {
        self.accepted + self.refused + self.id_in_use
    }

    /// Number of writes that were not accepted.
    pub fn not_accepted(&self) -> u64 {
        self.refused + self.id_in_use
    }

    /// Counts the outcome of the write on a line. Returns the refusal, if it is one.
    pub fn count(&mut self, line: u64, write: &Write, outcome: StreamedOutcome) -> Option<Refusal> {
        self.position = self.position.max(outcome.position);
        let (decided, balance, reason, message) = match outcome.decision {
            Some(WriteOutcome::Accepted { .. }) => {
                self.accepted += 1;
                return None;
            }
            Some(WriteOutcome::Refused {
                reason,
                message,
                balance,
            }) => {
                self.refused += 1;
                let message = report::refusal(reason, &message);
                (CallOutcome::Refused, Some(balance), reason, message)
            }
            None => {
                self.id_in_use += 1;
                let message = format!(
                    "its request id was used for another write, at position {}",
                    outcome.position
                );
                (CallOutcome::NotApplied, None, None, message)
            }
        };
        let refusal = Refusal {
            line,
            outcome: decided,
            write: write.to_string(),
            account: write.account().to_string(),
            balance,
            position: outcome.position,
            request_id: outcome.request_id,
            reason,
            message,
        };
        if self.refusals.len() < REFUSALS_KEPT_MAX {
            self.refusals.push(refusal.clone());
        }
        Some(refusal)
    }
}
