//! The report of an outcome: a line for people, or a JSON object for programs.

use bank_client::{Decision, Place, Reply, WriteError, WriteOutcome};
use bank_types::{CallOutcome, Level, Position, Propagation, RefusalReason, RequestId, Write};
use serde::Serialize;
use uuid::Uuid;

use crate::asker::Asker;
use crate::output::note;
use crate::request::Request;

/// One outcome as a JSON object. A field that does not apply is left out.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// How the call ended.
    pub outcome: CallOutcome,
    /// Account of the operation. For a transfer, the account that pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<&'a str>,
    /// Balance of that account, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// For a read, the position of the state that it saw. For a write, its position in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Branch that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<u32>,
    /// Branch that was asked first. `None` if no bank file gives its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u32>,
    /// Branches that were asked in vain before the answer came, and what each did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// Bank that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_id: Option<Uuid>,
    /// Consistency level of a read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Branches that a write waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// Request id of a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The bank had decided the request id before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<bool>,
    /// The write was the pending write of the session. This run settled it and sent no other write.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// With propagation `all`: branches that have not confirmed the write. The decision stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_branches: Vec<u32>,
    /// Reason of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// Reason of a refusal as a sentence of the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Time that the branch took to reach the state that a read needs, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
    /// Number of times that the request was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Error message, if there is no decision and no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A branch that was asked and did not serve, as a JSON object.
#[derive(Debug, Serialize)]
pub struct PassedOver {
    /// Number of the branch.
    pub branch: u32,
    /// What it did, such as `did not answer`.
    pub why: String,
}

/// The branches that were asked in vain before this reply came.
pub fn passed_over<T>(asker: &Asker, reply: &Reply<T>) -> Vec<PassedOver> {
    let branches = asker.passed_over(reply).into_iter();
    branches.map(|(branch, why)| PassedOver { branch, why }).collect()
}

/// Reports on stderr which branch answered, if it is not the one that was asked, or with `--verbose`.
pub fn note_served<T>(request: &Request, asker: &Asker, reply: &Reply<T>) {
    if let Some(elsewhere) = asker.served_elsewhere(reply) {
        note(&elsewhere);
    }
    if request.verbose {
        note(&served(reply));
    }
}

/// Reports on stderr what other branches did than the one at `told`, and what to do if nothing answers at a target that
/// was found and not named.
pub fn note_failed(request: &Request, asker: &Asker, told: Option<&Place>) {
    if let Some(others) = asker.nobody_else(told) {
        note(&others);
    }
    if let (Some(advice), true) = (request.advice, asker.reached_nobody()) {
        note(advice);
    }
}

impl<'a> Line<'a> {
    /// A line with an outcome and no other field.
    pub fn new(outcome: CallOutcome) -> Self {
        Self {
            outcome,
            account: None,
            balance: None,
            position: None,
            branch: None,
            asked: None,
            passed_over: Vec::new(),
            bank_id: None,
            level: None,
            propagation: None,
            request_id: None,
            repeated: None,
            settled: false,
            missing_branches: Vec::new(),
            reason: None,
            message: None,
            waited_us: None,
            attempts: None,
            error: None,
        }
    }

    /// An answered read.
    pub fn answered<T>(reply: &Reply<T>, level: Level) -> Self {
        Self {
            level: Some(level),
            waited_us: Some(reply.waited_us),
            ..Self::served(reply, CallOutcome::Answered)
        }
    }

    /// A read that failed.
    pub fn failed(account: Option<&'a str>, level: Level, attempts: u32, error: String) -> Self {
        Self {
            account,
            level: Some(level),
            attempts: Some(attempts),
            error: Some(error),
            ..Self::new(CallOutcome::Failed)
        }
    }

    /// A write that the bank decided.
    pub fn decided(reply: &Reply<Decision>, write: &'a Write, propagation: Propagation) -> Self {
        let Decision {
            request_id,
            outcome,
            repeated,
            missing_branches,
        } = reply.value.clone();
        let (outcome, balance, reason, message) = match outcome {
            WriteOutcome::Accepted { balance } => (CallOutcome::Accepted, balance, None, None),
            WriteOutcome::Refused {
                reason,
                message,
                balance,
            } => (CallOutcome::Refused, balance, reason, Some(message)),
        };
        Self {
            account: Some(write.account().as_str()),
            balance: Some(balance),
            propagation: Some(propagation),
            request_id: Some(request_id),
            repeated: Some(repeated),
            missing_branches,
            reason,
            message,
            ..Self::served(reply, outcome)
        }
    }

    /// A write that the bank gave no decision on.
    pub fn undecided(request_id: RequestId, write: &'a Write, error: &WriteError) -> Self {
        Self {
            attempts: Some(error.attempts()),
            ..Self::unsent(request_id, write, error.certainty().into(), error.to_string())
        }
    }

    /// A write that was not sent.
    pub fn unsent(request_id: RequestId, write: &'a Write, outcome: CallOutcome, error: String) -> Self {
        Self {
            account: Some(write.account().as_str()),
            request_id: Some(request_id),
            error: Some(error),
            ..Self::new(outcome)
        }
    }

    fn served<T>(reply: &Reply<T>, outcome: CallOutcome) -> Self {
        Self {
            position: Some(reply.position),
            branch: Some(reply.served_by),
            asked: reply.asked,
            bank_id: Some(reply.bank_id),
            attempts: Some(reply.attempts),
            ..Self::new(outcome)
        }
    }
}

/// The line for people about a write that the bank decided: `deposited 100, balance 100 (position 2)`.
pub fn told(reply: &Reply<Decision>, write: &Write) -> String {
    let position = reply.position;
    match (&reply.value.outcome, write) {
        (WriteOutcome::Accepted { balance }, Write::Deposit { amount, .. }) => {
            format!("deposited {amount}, balance {balance} (position {position})")
        }
        (WriteOutcome::Accepted { balance }, Write::Withdraw { amount, .. }) => {
            format!("withdrew {amount}, balance {balance} (position {position})")
        }
        (WriteOutcome::Accepted { balance }, Write::Transfer { to, amount, .. }) => {
            format!("transferred {amount} to {to}, balance {balance} (position {position})")
        }
        (WriteOutcome::Accepted { .. }, Write::Open { account }) => format!("opened {account} (position {position})"),
        (WriteOutcome::Refused { reason, message, .. }, _) => {
            format!("refused: {} (position {position})", refusal(*reason, message))
        }
    }
}

/// The reason of a refusal in words: the branch's sentence, or the name of the reason if the branch gave no sentence.
pub fn refusal(reason: Option<RefusalReason>, message: &str) -> String {
    match reason {
        _ if !message.is_empty() => message.to_owned(),
        Some(reason) => reason.as_str().replace('-', " "),
        None => "for a reason that this program does not know".to_owned(),
    }
}

/// The warning for people if propagation `all` was not reached in time.
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

/// The line for people, with `--verbose`, about the branch that answered.
fn served<T>(reply: &Reply<T>) -> String {
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
