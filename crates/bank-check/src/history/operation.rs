//! One operation of a customer: the request, the answer, and when each happened.

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

/// Consistency level of a read: how recent the state must be that it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Any state that the branch has.
    Eventual,
    /// At least the session's own writes.
    ReadYourWrites,
    /// At least what the session has read before.
    MonotonicReads,
    /// At least what the session has written or read before.
    Session,
    /// Every write that was acknowledged before the read began.
    Strong,
}

impl Level {
    /// Name of the level, as on the command line and in the history.
    pub fn name(self) -> &'static str {
        match self {
            Level::Eventual => "eventual",
            Level::ReadYourWrites => "read-your-writes",
            Level::MonotonicReads => "monotonic-reads",
            Level::Session => "session",
            Level::Strong => "strong",
        }
    }
}

/// Branches that a write waits for before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// A majority of the voters.
    Quorum,
    /// Every branch.
    All,
}

impl Propagation {
    /// Name of the propagation, as on the command line and in the history.
    pub fn name(self) -> &'static str {
        match self {
            Propagation::Quorum => "quorum",
            Propagation::All => "all",
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
    Refused(Refusal),
    /// A write was certainly not applied.
    NotApplied,
    /// It is not known whether a write was applied.
    Unknown,
    /// A read was not answered.
    Failed,
}

/// Reason for which the bank decided against a write.
///
/// It is written in kebab-case, such as `insufficient-funds`. The snake_case spelling of older histories is also read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The account holds less than the amount.
    #[serde(alias = "insufficient_funds")]
    InsufficientFunds,
    /// An account of the request does not exist.
    #[serde(alias = "no_such_account")]
    NoSuchAccount,
    /// The account to open exists already.
    #[serde(alias = "account_exists")]
    AccountExists,
    /// The balance would exceed the largest amount, 2⁶³ − 1 minor units.
    Overflow,
    /// A transfer names one account twice.
    #[serde(alias = "same_account")]
    SameAccount,
}
