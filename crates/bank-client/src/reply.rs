//! Replies of a bank. The generated types are converted into these in the private module `wire`.

use bank_types::{Position, RefusalReason, RequestId};
use uuid::Uuid;

/// A reply: the answer, the branch that gave it, and the state that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T> {
    /// Branch that was asked first. `None` if no bank file gives it a number.
    pub asked: Option<u32>,
    /// Branch that answered.
    pub served_by: u32,
    /// Bank that answered.
    pub bank_id: Uuid,
    /// For a read, the position of the state that it saw. For a write, its position in the journal.
    pub position: Position,
    /// Time that the branch took to reach the state that a read needs, in microseconds. 0 for a write.
    pub waited_us: u64,
    /// Number of times that the request was sent, including the attempt that was answered.
    pub attempts: u32,
    /// The answer.
    pub value: T,
}

impl<T> Reply<T> {
    /// The same reply with another value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Reply<U> {
        let Self {
            asked,
            served_by,
            bank_id,
            position,
            waited_us,
            attempts,
            value,
        } = self;
        Reply {
            asked,
            served_by,
            bank_id,
            position,
            waited_us,
            attempts,
            value: map(value),
        }
    }
}

/// The bank's decision on a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Request id of the write.
    pub request_id: RequestId,
    /// Accepted or refused.
    pub outcome: WriteOutcome,
    /// The bank had decided this request id before, and the reply repeats that decision.
    pub repeated: bool,
    /// With propagation `all`: branches that had not confirmed the write by the deadline. The decision stands.
    pub missing_branches: Vec<u32>,
}

/// The bank's decision on a write, with the balance in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The bank applied the write.
    Accepted {
        /// Balance of the account right after the write. For a transfer, of the account that pays.
        balance: i64,
    },
    /// The bank decided against the write.
    Refused {
        /// The reason. `None` if it is one that this program does not know.
        reason: Option<RefusalReason>,
        /// The reason as a sentence of the branch.
        message: String,
        /// Balance of the account at the refusal. 0 if it does not exist.
        balance: i64,
    },
}

/// Outcomes of the next writes of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcomes {
    /// Branch that answered.
    pub served_by: u32,
    /// Bank that answered.
    pub bank_id: Uuid,
    /// The outcomes, in the order of the writes. Never empty.
    pub outcomes: Vec<StreamedOutcome>,
    /// With propagation `all`: branches that had not confirmed all of these writes by the deadline. The decisions
    /// stand.
    pub missing_branches: Vec<u32>,
}

/// What became of one write of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamedOutcome {
    /// Request id of the write.
    pub request_id: RequestId,
    /// Position of the write in the journal. If the request id is in use, that of the other write.
    pub position: Position,
    /// The bank had decided this request id before, and the outcome repeats that decision.
    pub repeated: bool,
    /// Accepted or refused. `None`: the request id was used for another write, so this write was not applied and never
    /// will be.
    pub decision: Option<WriteOutcome>,
}

/// A page of the list of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPage {
    /// Accounts in byte order of their names.
    pub accounts: Vec<Account>,
    /// There are more accounts after the last of these.
    pub more: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Name of the account.
    pub name: String,
    /// Balance in minor units.
    pub balance: i64,
}

/// One accepted write in the statement of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position of the write in the journal.
    pub position: Position,
    /// Kind of the entry.
    pub kind: EntryKind,
    /// Amount in minor units. The kind says in which direction the money moved.
    pub amount: i64,
    /// For a transfer, the other account. Empty otherwise.
    pub counter_account: String,
    /// Balance of the account right after the write, in minor units.
    pub balance: i64,
    /// Request id of the write, as the branch gave it.
    pub request_id: String,
    /// Time at which a branch took the write, by that branch's clock: microseconds since 1970 (UTC).
    pub time_us: i64,
}

/// Kind of an entry in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// The account was opened.
    Open,
    /// Money was paid in.
    Deposit,
    /// Money was taken out.
    Withdraw,
    /// Money went to another account.
    TransferOut,
    /// Money came from another account.
    TransferIn,
    /// A kind that this program does not know.
    Other,
}

impl EntryKind {
    /// Name of the kind, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Deposit => "deposit",
            Self::Withdraw => "withdraw",
            Self::TransferOut => "transfer-out",
            Self::TransferIn => "transfer-in",
            Self::Other => "other",
        }
    }
}
