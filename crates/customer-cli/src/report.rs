//! What is said of an outcome: a line for people, an object for programs.

use bank_client::{Action, Decision, Fate, Level, Outcome, Propagation, Refusal, Reply, WriteError};
use serde::Serialize;
use uuid::Uuid;

/// One outcome as JSON. What does not apply is left out.
#[derive(Debug, Default, Serialize)]
pub struct Line<'a> {
    /// `answered`, `accepted`, `refused`, `not-applied`, `unknown` or `failed`.
    pub outcome: &'static str,
    /// The account; of a transfer, the one that pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<&'a str>,
    /// Of that account, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// Of a read, the state that answered; of a write, its place in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The branch that served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<u32>,
    /// The branch that was asked first, where a bank file numbers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u32>,
    /// The bank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_id: Option<Uuid>,
    /// Of a read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Of a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// Of a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    /// The write had been decided before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<bool>,
    /// The write was the session's pending one: this run settled it, and sent no other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// With propagation `all`: who has not confirmed the write. It stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_branches: Vec<u32>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Why it was refused, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long the branch waited before it could answer a read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
    /// How often a branch was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Why there is no outcome, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl<'a> Line<'a> {
    /// An answered read.
    pub fn answered<T>(reply: &Reply<T>, level: Level) -> Self {
        Self {
            outcome: "answered",
            level: Some(level),
            waited_us: Some(reply.waited_us),
            ..Self::served(reply)
        }
    }

    /// A read that failed.
    pub fn failed(account: Option<&'a str>, level: Level, attempts: u32, error: String) -> Self {
        Self {
            outcome: "failed",
            account,
            level: Some(level),
            attempts: Some(attempts),
            error: Some(error),
            ..Self::default()
        }
    }

    /// A write that the bank decided on.
    pub fn decided(reply: &Reply<Decision>, action: &'a Action, propagation: Propagation) -> Self {
        let Decision {
            request_id,
            outcome,
            repeated,
            missing_branches,
        } = reply.value.clone();
        let (outcome, balance, reason, message) = match outcome {
            Outcome::Accepted { balance } => ("accepted", balance, None, None),
            Outcome::Refused {
                reason,
                message,
                balance,
            } => ("refused", balance, Some(reason.as_str()), Some(message)),
        };
        Self {
            outcome,
            account: Some(account_of(action)),
            balance: Some(balance),
            propagation: Some(propagation),
            request_id: Some(request_id),
            repeated: Some(repeated),
            missing_branches,
            reason,
            message,
            ..Self::served(reply)
        }
    }

    /// A write that the bank gave no decision on.
    pub fn undecided(request_id: Uuid, action: &'a Action, error: &WriteError) -> Self {
        Self {
            attempts: Some(error.attempts()),
            ..Self::unsent(request_id, action, fate(error.fate()), error.to_string())
        }
    }

    /// A write that was not sent.
    pub fn unsent(request_id: Uuid, action: &'a Action, outcome: &'static str, error: String) -> Self {
        let account = Some(account_of(action));
        Self {
            outcome,
            account,
            request_id: Some(request_id),
            error: Some(error),
            ..Self::default()
        }
    }

    fn served<T>(reply: &Reply<T>) -> Self {
        Self {
            position: Some(reply.position),
            branch: Some(reply.served_by),
            asked: reply.asked,
            bank_id: Some(reply.bank_id),
            attempts: Some(reply.attempts),
            ..Self::default()
        }
    }
}

/// The word for it.
pub fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::NotApplied => "not-applied",
        Fate::Unknown => "unknown",
    }
}

/// What people read of a write that the bank decided on: `deposited 100, balance 100 (position 2)`.
pub fn told(reply: &Reply<Decision>, action: &Action) -> String {
    let position = reply.position;
    match (&reply.value.outcome, action) {
        (Outcome::Accepted { balance }, Action::Deposit { amount, .. }) => {
            format!("deposited {amount}, balance {balance} (position {position})")
        }
        (Outcome::Accepted { balance }, Action::Withdraw { amount, .. }) => {
            format!("withdrew {amount}, balance {balance} (position {position})")
        }
        (Outcome::Accepted { balance }, Action::Transfer { to, amount, .. }) => {
            format!("transferred {amount} to {to}, balance {balance} (position {position})")
        }
        (Outcome::Accepted { .. }, Action::Open { account }) => format!("opened {account} (position {position})"),
        (Outcome::Refused { reason, message, .. }, _) => {
            format!("refused: {} (position {position})", refusal(*reason, message))
        }
    }
}

/// The branch's own words, or ours where it has none.
pub fn refusal(reason: Refusal, message: &str) -> String {
    if message.is_empty() {
        reason.as_str().replace('_', " ")
    } else {
        message.to_owned()
    }
}

/// What people read where propagation `all` was not reached in time.
pub fn missing(reply: &Reply<Decision>) -> Option<String> {
    let branches = reply
        .value
        .missing_branches
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>();
    let (noun, verb) = if branches.len() == 1 {
        ("branch", "has")
    } else {
        ("branches", "have")
    };
    let position = reply.position;
    let text = format!(
        "committed at position {position}, but {noun} {} {verb} not confirmed it",
        branches.join(", ")
    );
    (!branches.is_empty()).then_some(text)
}

/// What people read, with `--verbose`, of who served.
pub fn served<T>(reply: &Reply<T>) -> String {
    let Reply {
        served_by,
        position,
        waited_us,
        attempts,
        bank_id,
        ..
    } = reply;
    format!("branch {served_by}, position {position}, waited {waited_us} µs, attempts {attempts}, bank {bank_id}")
}

fn account_of(action: &Action) -> &str {
    match action {
        Action::Deposit { account, .. } | Action::Withdraw { account, .. } | Action::Open { account } => account,
        Action::Transfer { from, .. } => from,
    }
}
