//! What the customer is told.

use crate::AccountName;

/// How many commands of the journal have been applied: 0 before the first, then 1, 2, 3 … A command's position is the
/// count right after it.
pub type Position = u64;

/// What the ledger decided about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Accepted {
        /// The balance of its account right after it, in minor units; of a transfer, the paying account's.
        balance: i64,
    },
    /// It was not, and nothing moved.
    Refused(Refusal),
    /// Its request id belongs to another command, which stands; this one was not looked at.
    IdReused,
}

/// Why the bank said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account holds less than the amount.
    #[error("insufficient funds: the balance of {account} is {balance}")]
    InsufficientFunds {
        /// The account that would have paid.
        account: AccountName,
        /// What it holds, in minor units.
        balance: i64,
    },
    /// No account has the name.
    #[error("no such account: {account}")]
    NoSuchAccount {
        /// The name.
        account: AccountName,
    },
    /// An account has the name already.
    #[error("account {account} exists already")]
    AccountExists {
        /// The name.
        account: AccountName,
        /// What it holds, in minor units.
        balance: i64,
    },
    /// The balance would pass [`i64::MAX`].
    #[error("the balance of {account} would pass {max}: it is {balance}", max = i64::MAX)]
    Overflow {
        /// The account that would have grown.
        account: AccountName,
        /// What it holds, in minor units.
        balance: i64,
    },
    /// A transfer from an account to itself.
    #[error("a transfer from {account} to itself moves nothing")]
    SameAccount {
        /// The account.
        account: AccountName,
        /// What it holds, in minor units.
        balance: i64,
    },
}

impl Refusal {
    /// The account that the refusal speaks of.
    pub fn account(&self) -> &AccountName {
        match self {
            Self::InsufficientFunds { account, .. }
            | Self::NoSuchAccount { account }
            | Self::AccountExists { account, .. }
            | Self::Overflow { account, .. }
            | Self::SameAccount { account, .. } => account,
        }
    }

    /// What that account holds, in minor units; 0 where there is none.
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
