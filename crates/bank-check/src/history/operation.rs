//! One operation of a customer: the request, the answer, and when each happened.

use bank_types::{CallOutcome, Level, OperationRecord, Propagation, RefusalReason};
use serde::{Deserialize, Serialize};

/// One operation of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Customer number, as in the input.
    pub customer: u64,
    /// Name of the session. Operations with the same name used one session, one after the other.
    pub session: String,
    /// Number of the operation in its session. It rises within the session.
    pub sequence: u64,
    /// Id of the event in the input, if it has one.
    pub event: Option<i64>,
    /// The request.
    pub action: Action,
    /// Branch that the customer asked.
    pub branch: u32,
    /// Branch that answered. It differs from `branch` if `branch` could not serve. `None` if no branch answered.
    pub served_by: Option<u32>,
    /// Consistency level of a read.
    pub level: Level,
    /// Branches that a write waits for.
    pub propagation: Propagation,
    /// Request id of a write, a UUID.
    pub request_id: Option<String>,
    /// Time at which the operation began.
    pub invoked_us: u64,
    /// Time at which the outcome was known or the deadline passed.
    pub completed_us: u64,
    /// Result of the operation.
    pub outcome: Outcome,
    /// Balance in the reply, in minor units.
    pub balance: Option<i64>,
    /// Position in the reply: the state that a read saw, or the place of a write in the journal, refused or not.
    pub position: Option<u64>,
    /// Time that the branch took to reach the state that a read needs, as the branch measured it. See
    /// [`Operation::wait_us`].
    pub waited_us: u64,
    /// Number of times that the request was sent.
    pub attempts: u32,
    /// The bank had decided this request id before, and the reply repeats that outcome.
    pub repeated: bool,
    /// With propagation `all`: branches that had not confirmed the write.
    pub missing_branches: Vec<u32>,
    /// Error message, if something went wrong.
    pub error: Option<String>,
}

/// A branch that is far enough for a read still takes some microseconds to find that out. Less than this is no wait.
const WAIT_US_MIN: u64 = 100;

impl Operation {
    /// An operation that has no outcome yet, at time 0.
    pub fn unsent(
        (customer, session, sequence): (u64, String, u64),
        action: Action,
        branch: u32,
        (level, propagation): (Level, Propagation),
    ) -> Self {
        let outcome = match action {
            Action::Query { .. } => Outcome::Failed,
            _ => Outcome::Unknown,
        };
        Operation {
            customer,
            session,
            sequence,
            event: None,
            action,
            branch,
            served_by: None,
            level,
            propagation,
            request_id: None,
            invoked_us: 0,
            completed_us: 0,
            outcome,
            balance: None,
            position: None,
            waited_us: 0,
            attempts: 0,
            repeated: false,
            missing_branches: Vec::new(),
            error: None,
        }
    }

    /// The operation with what the customer's record says of it. Times of the result count from `origin_us`.
    pub fn with_record(self, record: &OperationRecord, origin_us: u64) -> Self {
        Operation {
            served_by: record.served_by,
            level: record.level,
            propagation: record.propagation.unwrap_or(self.propagation),
            request_id: record.request_id.map(|id| id.to_string()),
            invoked_us: record.invoked_us.saturating_sub(origin_us),
            completed_us: record.completed_us.saturating_sub(origin_us),
            outcome: Outcome::of(record),
            balance: record.balance,
            position: record.position,
            waited_us: record.waited_us,
            attempts: record.attempts,
            repeated: record.repeated,
            missing_branches: record.missing_branches.clone(),
            error: record.error.clone(),
            ..self
        }
    }

    /// Time that a branch made this read wait, in microseconds. 0 if it did not wait.
    pub fn wait_us(&self) -> u64 {
        if self.waited_us < WAIT_US_MIN {
            0
        } else {
            self.waited_us
        }
    }

    /// Branch that answered, or the branch that was asked if none answered.
    pub fn answering(&self) -> u32 {
        self.served_by.unwrap_or(self.branch)
    }

    /// True for a query.
    pub fn is_read(&self) -> bool {
        matches!(self.action, Action::Query { .. })
    }

    /// True for a write whose decision is known from the reply: accepted or refused.
    pub(crate) fn is_decided(&self) -> bool {
        !self.is_read() && matches!(self.outcome, Outcome::Accepted | Outcome::Refused(_))
    }

    /// Position that an answered read saw.
    pub(crate) fn read_position(&self) -> Option<u64> {
        (self.is_read() && self.outcome == Outcome::Answered)
            .then_some(self.position)
            .flatten()
    }
}

/// A request to the bank. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Asks for the balance of an account.
    Query {
        /// Account name.
        account: String,
    },
    /// Adds money to an account.
    Deposit {
        /// Account name.
        account: String,
        /// Amount to add.
        amount: i64,
    },
    /// Takes money from an account.
    Withdraw {
        /// Account name.
        account: String,
        /// Amount to take.
        amount: i64,
    },
    /// Moves money between two accounts.
    Transfer {
        /// Account that pays.
        account: String,
        /// Account that is paid.
        to: String,
        /// Amount to move.
        amount: i64,
    },
    /// Opens an account. The first command of a journal opens `main` with the bank's opening balance.
    Open {
        /// Account name.
        account: String,
        /// Opening balance: 0 for every account but `main`.
        amount: i64,
    },
}

impl Action {
    /// Name of the action, as in the history: `query`, `deposit`, `withdraw`, `transfer` or `open`.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Query { .. } => "query",
            Action::Deposit { .. } => "deposit",
            Action::Withdraw { .. } => "withdraw",
            Action::Transfer { .. } => "transfer",
            Action::Open { .. } => "open",
        }
    }

    /// Account of the action. For a transfer, the account that pays.
    pub fn account(&self) -> &str {
        match self {
            Action::Query { account }
            | Action::Deposit { account, .. }
            | Action::Withdraw { account, .. }
            | Action::Transfer { account, .. }
            | Action::Open { account, .. } => account,
        }
    }

    /// Account that a transfer pays into.
    pub fn to(&self) -> Option<&str> {
        match self {
            Action::Transfer { to, .. } => Some(to),
            _ => None,
        }
    }

    /// Amount of the action. `None` for a query.
    pub fn amount(&self) -> Option<i64> {
        match self {
            Action::Query { .. } => None,
            Action::Deposit { amount, .. }
            | Action::Withdraw { amount, .. }
            | Action::Transfer { amount, .. }
            | Action::Open { amount, .. } => Some(*amount),
        }
    }
}

/// Result of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A read was answered.
    Answered,
    /// The bank applied a write.
    Accepted,
    /// The bank decided against a write.
    Refused(RefusalReason),
    /// A write was certainly not applied.
    NotApplied,
    /// It is not known whether a write was applied.
    Unknown,
    /// A read was not answered.
    Failed,
}

impl Outcome {
    /// Outcome of a customer's record. A refusal for a reason that is not known here cannot be judged, so it is
    /// `Unknown`.
    fn of(record: &OperationRecord) -> Self {
        match (record.outcome, record.reason) {
            (CallOutcome::Answered, _) => Outcome::Answered,
            (CallOutcome::Accepted, _) => Outcome::Accepted,
            (CallOutcome::Refused, Some(reason)) => Outcome::Refused(reason),
            (CallOutcome::NotApplied, _) => Outcome::NotApplied,
            (CallOutcome::Unknown, _) | (CallOutcome::Refused, None) => Outcome::Unknown,
            (CallOutcome::Failed, _) => Outcome::Failed,
        }
    }
}
