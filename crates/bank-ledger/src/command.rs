//! Commands of the journal.

use bank_types::{AccountName, Amount, RequestId};

/// One command of the journal: a write with its request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Request id that the customer gave the write. Each request id is decided once.
    pub request_id: RequestId,
    /// Time at which a branch took the write, by its clock: microseconds since 1970 (UTC). It is shown to customers and
    /// decides nothing.
    pub time_us: i64,
    /// What the command does.
    pub action: Action,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Opens `main` with the bank's opening balance: the first command of every journal.
    Found {
        /// Opening balance in minor units. A negative one is refused: branches do not propose it, and no account is
        /// ever below zero.
        opening_balance: i64,
    },
    /// Opens an account with a balance of 0.
    Open {
        /// Name of the new account.
        account: AccountName,
    },
    /// Adds to an account.
    Deposit {
        /// Account that grows.
        account: AccountName,
        /// Amount to add.
        amount: Amount,
    },
    /// Takes from an account that holds enough.
    Withdraw {
        /// Account that shrinks.
        account: AccountName,
        /// Amount to take.
        amount: Amount,
    },
    /// Takes from one account and adds to another: both or neither.
    Transfer {
        /// Account that pays.
        from: AccountName,
        /// Account that is paid.
        to: AccountName,
        /// Amount to move.
        amount: Amount,
    },
}

impl Action {
    /// The account that the action names first (`main` for [`Action::Found`]), and the account that a transfer pays.
    pub fn accounts(&self) -> (AccountName, Option<AccountName>) {
        match self {
            Self::Found { .. } => (AccountName::main(), None),
            Self::Open { account } | Self::Deposit { account, .. } | Self::Withdraw { account, .. } => {
                (account.clone(), None)
            }
            Self::Transfer { from, to, .. } => (from.clone(), Some(to.clone())),
        }
    }
}
