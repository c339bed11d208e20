//! One line of `customer-cli replay`: what became of one event.

use bank_check::history::{Level, Propagation, Refusal};
use bank_check::output::Answer;
use serde::{Deserialize, Deserializer};

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
    /// Of a write: its id, a UUID.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Of a refused write: why.
    #[serde(default, deserialize_with = "refusal")]
    pub reason: Option<Refusal>,
    /// The write had been decided before.
    #[serde(default)]
    pub repeated: bool,
    /// With propagation to all: the branches that had not confirmed it.
    #[serde(default)]
    pub missing_branches: Vec<u32>,
    /// What reads of it promised.
    pub level: Level,
    /// Of a write: what it waited for.
    #[serde(default)]
    pub propagation: Option<Propagation>,
    /// How long the branch waited before it could answer.
    pub waited_us: u64,
    /// How many times it was sent.
    pub attempts: u32,
    /// When it was begun, by the host's monotonic clock.
    pub invoked_us: u64,
    /// When its outcome was known, by the same clock.
    pub completed_us: u64,
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

/// The customer's word, in which a history has hyphens. A word that is not known is none.
fn refusal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Refusal>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.and_then(|word| match word.as_str() {
        "insufficient_funds" => Some(Refusal::InsufficientFunds),
        "no_such_account" => Some(Refusal::NoSuchAccount),
        "account_exists" => Some(Refusal::AccountExists),
        "overflow" => Some(Refusal::Overflow),
        "same_account" => Some(Refusal::SameAccount),
        _ => None,
    }))
}
