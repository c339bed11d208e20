//! One line of `customer-cli replay`: what became of one event.

use bank_check::output::Answer;
use serde::Deserialize;

/// What became of one event. Fields that nobody here needs are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// The event's place in its visit, from 0.
    pub seq: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// In minor units.
    #[serde(default)]
    pub balance: Option<i64>,
    /// Of the state that was read, or of the write, refused or not.
    #[serde(default)]
    pub position: Option<u64>,
    /// The branch that answered.
    #[serde(default)]
    pub served_by: Option<u32>,
    /// Why it was not done.
    #[serde(default)]
    pub error: Option<String>,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A write that the bank accepted.
    Accepted,
    /// A write that the bank refused.
    Refused,
    /// A query with its balance.
    Answered,
    /// A write that was not, and will not be, applied.
    NotApplied,
    /// A write that may have been applied.
    Unknown,
    /// A query without an answer.
    Failed,
}

impl Record {
    /// What the bank said, for the judge.
    pub fn answer(&self) -> Answer {
        match (self.outcome, self.balance) {
            (Outcome::Answered, Some(balance)) => Answer::Balance(balance),
            (Outcome::Accepted, _) => Answer::Success,
            (Outcome::Refused, _) => Answer::Fail,
            _ => Answer::Unknown,
        }
    }
}
