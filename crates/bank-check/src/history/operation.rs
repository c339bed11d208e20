//! One operation of a customer: what was asked, and what came of it.

use serde::{Deserialize, Serialize};

/// One operation of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The customer, as the input numbers it.
    pub customer: u64,
    /// The session: operations with the same text were made with one session, one after the other.
    pub session: String,
    /// Rises within the session.
    pub sequence: u64,
    /// The event's id in the input, if it has one.
    pub event: Option<i64>,
    /// What was asked.
    pub action: Action,
    /// The branch that was asked.
    pub branch: u32,
    /// The branch that answered, if one did; another than `branch` where that one could not serve.
    pub served_by: Option<u32>,
    /// What a read promised.
    pub level: Level,
    /// What a write waited for.
    pub propagation: Propagation,
    /// Of a write: its id, a UUID.
    pub request_id: Option<String>,
    /// When it was begun.
    pub invoked_us: u64,
    /// When its outcome was known, or its deadline was over.
    pub completed_us: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// The balance in the reply, in minor units.
    pub balance: Option<i64>,
    /// The position in the reply: of the state that was read, or of the write itself, refused or not.
    pub position: Option<u64>,
    /// How long the branch waited before it could answer a read, in microseconds; see [`Operation::wait_us`].
    pub waited_us: u64,
    /// How many times it was sent.
    pub attempts: u32,
    /// The write had been decided before, and this is that outcome.
    pub repeated: bool,
    /// With propagation to all: the branches that had not confirmed it.
    pub missing_branches: Vec<u32>,
    /// What went wrong, in words.
    pub error: Option<String>,
}

/// A branch that is far enough for a read takes some microseconds to find that out, which is no wait.
const WAIT_US_MIN: u64 = 100;

impl Operation {
    /// How long a branch made this read wait until it was far enough, in microseconds; 0 where it did not.
    pub fn wait_us(&self) -> u64 {
        if self.waited_us < WAIT_US_MIN {
            0
        } else {
            self.waited_us
        }
    }
}

/// What is asked for, in the words of the guarantees.
impl Operation {
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.action, Action::Query { .. })
    }

    /// The bank's decision about it is known.
    pub(crate) fn is_decided(&self) -> bool {
        !self.is_read() && matches!(self.outcome, Outcome::Accepted | Outcome::Refused(_))
    }

    /// The position that a read was answered from.
    pub(crate) fn read_position(&self) -> Option<u64> {
        (self.is_read() && self.outcome == Outcome::Answered)
            .then_some(self.position)
            .flatten()
    }

    /// The branch that answered, or that was asked.
    pub(crate) fn answering(&self) -> u32 {
        self.served_by.unwrap_or(self.branch)
    }
}

impl Action {
    /// The account that is named first.
    pub(crate) fn account(&self) -> &str {
        match self {
            Action::Query { account }
            | Action::Deposit { account, .. }
            | Action::Withdraw { account, .. }
            | Action::Transfer { account, .. }
            | Action::Open { account, .. } => account,
        }
    }
}

/// What is asked of a bank. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// The balance of an account.
    Query {
        /// Which.
        account: String,
    },
    /// Adds to an account.
    Deposit {
        /// Which.
        account: String,
        /// By how much.
        amount: i64,
    },
    /// Takes from an account.
    Withdraw {
        /// Which.
        account: String,
        /// How much.
        amount: i64,
    },
    /// Moves between two accounts.
    Transfer {
        /// Which pays.
        account: String,
        /// Which is paid.
        to: String,
        /// How much.
        amount: i64,
    },
    /// Opens an account. In a journal, the first one opens `main` with the bank's opening balance.
    Open {
        /// Which.
        account: String,
        /// What it opens with; 0 but for the bank's opening.
        amount: i64,
    },
}

/// What a read promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Level {
    Eventual,
    ReadYourWrites,
    MonotonicReads,
    Session,
    Strong,
}

/// What a write waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// A quorum.
    Quorum,
    /// Every branch.
    All,
}

/// What came of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A read was answered.
    Answered,
    /// A write was carried out.
    Accepted,
    /// A write was decided against.
    Refused(Refusal),
    /// A write was definitely not applied.
    NotApplied,
    /// It is not known whether a write was applied.
    Unknown,
    /// A read was not answered.
    Failed,
}

/// Why the bank decided against a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Refusal {
    InsufficientFunds,
    NoSuchAccount,
    AccountExists,
    Overflow,
    SameAccount,
}
