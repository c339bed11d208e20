//! What comes back from a bank, in this crate's own words; the generated types end in the private module `wire`.

use uuid::Uuid;

/// An answer, who gave it, and from which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T> {
    /// The branch that was asked first, where a bank file numbers it.
    pub asked: Option<u32>,
    /// The branch that answered.
    pub served_by: u32,
    /// The bank.
    pub bank_id: Uuid,
    /// Of a read: how many commands the answering state had applied. Of a write: its place in the journal.
    pub position: u64,
    /// How long the branch waited before it could answer a read, in microseconds; 0 for a write.
    pub waited_us: u64,
    /// How often a branch was asked, this answer included.
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

/// What the bank decided about a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The write.
    pub request_id: Uuid,
    /// Accepted or refused.
    pub outcome: Outcome,
    /// The request id had been decided before, and this is that outcome.
    pub repeated: bool,
    /// With propagation `all`: the branches that had not confirmed the write by the deadline. The write stands.
    pub missing_branches: Vec<u32>,
}

/// Accepted or refused, with the balance in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the books.
    Accepted {
        /// The account's balance right after the write; of a transfer, the paying account's.
        balance: i64,
    },
    /// It is not, for this reason.
    Refused {
        /// Why.
        reason: Refusal,
        /// Why, in words.
        message: String,
        /// The account's balance at the refusal; 0 where there is no such account.
        balance: i64,
    },
}

/// Why the bank refused a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The account holds less than the amount.
    InsufficientFunds,
    /// There is no such account.
    NoSuchAccount,
    /// There is such an account already.
    AccountExists,
    /// The balance would pass 9223372036854775807.
    Overflow,
    /// A transfer between an account and itself.
    SameAccount,
    /// A reason that this program does not know; the message says it.
    Other,
}

impl Refusal {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::NoSuchAccount => "no_such_account",
            Self::AccountExists => "account_exists",
            Self::SameAccount => "same_account",
            Self::Overflow => "overflow",
            Self::Other => "other",
        }
    }
}

/// Some of the accounts, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPage {
    /// In byte order of their names.
    pub accounts: Vec<Account>,
    /// There are more, after the last of these.
    pub more: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// In minor units.
    pub balance: i64,
}

/// One accepted write, as one account's statement shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub position: u64,
    /// What it was.
    pub kind: EntryKind,
    /// In minor units; the kind says which way it went.
    pub amount: i64,
    /// The other account of a transfer; empty otherwise.
    pub counter_account: String,
    /// The account's balance right after, in minor units.
    pub balance: i64,
    /// The write's request id, as the branch gave it.
    pub request_id: String,
    /// When a branch took it, by that branch's clock: microseconds since 1970 (UTC).
    pub time_us: i64,
}

/// What an entry was.
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
    /// As it is written in JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Deposit => "deposit",
            Self::Withdraw => "withdraw",
            Self::TransferOut => "transfer_out",
            Self::TransferIn => "transfer_in",
            Self::Other => "other",
        }
    }
}
