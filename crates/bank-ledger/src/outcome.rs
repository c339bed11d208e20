//! Decisions of the ledger.

use bank_types::{AccountName, Position, RefusalReason};

use crate::command::Action;

/// The ledger's decision on a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command was carried out.
    Accepted {
        /// Balance of the command's account right after it, in minor units. For a transfer, of the account that pays.
        balance: i64,
    },
    /// The command was not carried out, and nothing moved.
    Refused(Refusal),
    /// The request id belongs to another command, whose decision stands. This command was not considered.
    IdReused,
}

/// The decision on a request id, as the command that asked for it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Position at which the request id was decided: the position of this command, or an earlier one if it is
    /// `repeated`.
    pub position: Position,
    /// The decision.
    pub outcome: Outcome,
    /// The request id had been decided before; this command moved nothing.
    pub repeated: bool,
}

/// A decision that the books keep by request id, so that the same request id is decided once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Position of the command in the journal.
    pub position: Position,
    /// What the command asked.
    pub action: Action,
    /// The decision. It is never [`Outcome::IdReused`].
    pub outcome: Outcome,
}

/// A refusal: the reason, with the account that it concerns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account holds less than the amount.
    #[error("insufficient funds: the balance of {account} is {balance}")]
    InsufficientFunds {
        /// The account that would have paid.
        account: AccountName,
        /// Balance of the account, in minor units.
        balance: i64,
    },
    /// An account of the command does not exist.
    #[error("no such account: {account}")]
    NoSuchAccount {
        /// Name of the account.
        account: AccountName,
    },
    /// The account to open exists already.
    #[error("account {account} exists already")]
    AccountExists {
        /// Name of the account.
        account: AccountName,
        /// Balance of the account, in minor units.
        balance: i64,
    },
    /// The balance would exceed [`i64::MAX`].
    #[error("the balance of {account} would pass {max}: it is {balance}", max = i64::MAX)]
    Overflow {
        /// The account that would have grown.
        account: AccountName,
        /// Balance of the account, in minor units.
        balance: i64,
    },
    /// A transfer from an account to itself.
    #[error("a transfer from {account} to itself moves nothing")]
    SameAccount {
        /// The account.
        account: AccountName,
        /// Balance of the account, in minor units.
        balance: i64,
    },
}

impl Refusal {
    /// The reason without the account.
    pub fn reason(&self) -> RefusalReason {
        match self {
            Self::InsufficientFunds { .. } => RefusalReason::InsufficientFunds,
            Self::NoSuchAccount { .. } => RefusalReason::NoSuchAccount,
            Self::AccountExists { .. } => RefusalReason::AccountExists,
            Self::Overflow { .. } => RefusalReason::Overflow,
            Self::SameAccount { .. } => RefusalReason::SameAccount,
        }
    }

    /// The account that the refusal concerns.
    pub fn account(&self) -> &AccountName {
        match self {
            Self::InsufficientFunds { account, .. }
            | Self::NoSuchAccount { account }
            | Self::AccountExists { account, .. }
            | Self::Overflow { account, .. }
            | Self::SameAccount { account, .. } => account,
        }
    }

    /// Balance of that account, in minor units. 0 if it does not exist.
    pub fn balance(&self) -> i64 {
        match self {
            Self::NoSuchAccount { .. } => 0,
            Self::InsufficientFunds { balance, .. }
            | Self::AccountExists { balance, .. }
            | Self::Overflow { balance, .. }
            | Self::SameAccount { balance, .. } => *balance,
        }
    }
}
