//! What happened in one run, as it was recorded: what every customer did and was told, what befell the bank, and what each
//! branch applied. The files of a run folder hold these types as JSON, one value a line.
//!
//! All times are microseconds of one host's monotonic clock, from an origin that is the run's own; they order what happened
//! on that host and mean nothing elsewhere.

mod lines;

pub use lines::{ParseError, Problem};

use serde::{Deserialize, Serialize};

/// A run, whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// What customers did, in any order; one session's operations have rising `sequence`.
    pub operations: Vec<Operation>,
    /// What befell the bank.
    pub faults: Vec<Fault>,
    /// What each branch applied, one for each branch whose journal could be had.
    pub journals: Vec<Journal>,
    /// Every branch of the bank, had or not.
    pub branches: Vec<u32>,
}

/// A line of `history.jsonl`.
// Nearly all lines are operations: boxing them would cost more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// Of a customer.
    Operation(Operation),
    /// Of the bank's bad luck.
    Fault(Fault),
}

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

/// Something that befell the bank, on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// When it began.
    pub from_us: u64,
    /// When it was over; `None`: not before the run was.
    pub until_us: Option<u64>,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// What branches send to this one is held back, and arrives late, in order.
    Hold {
        /// To which branch.
        to: u32,
    },
    /// What goes from one branch to another arrives later by this much.
    Delay {
        /// From which branch; `None`: from all.
        from: Option<u32>,
        /// To which branch.
        to: u32,
        /// In microseconds.
        by_us: u64,
    },
    /// Nothing goes from one branch to another.
    Cut {
        /// From which branch; `None`: from all others.
        from: Option<u32>,
        /// To which branch; `None`: to all others.
        to: Option<u32>,
    },
    /// The process stands still.
    Pause {
        /// Which branch.
        branch: u32,
    },
    /// The process was killed; until it was started again.
    Kill {
        /// Which branch.
        branch: u32,
    },
}

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
