//! What a customer asks for, as the journal has it.

use std::fmt;

use crate::AccountName;

/// A write, with the name that its customer gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The customer's own id for this write: the same id is decided once.
    pub request_id: RequestId,
    /// When a branch took the write, by its clock: microseconds since 1970 (UTC). It is shown, and decides nothing.
    pub time_us: i64,
    /// What is asked.
    pub action: Action,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Opens `main` with the bank's opening balance: the first command of every journal.
    Found {
        /// In minor units. A negative one is refused: branches do not propose it, and no account is ever below zero.
        opening_balance: i64,
    },
    /// Opens an account at zero.
    Open {
        /// The new account.
        account: AccountName,
    },
    /// Adds to an account.
    Deposit {
        /// The account that grows.
        account: AccountName,
        /// By how much.
        amount: Amount,
    },
    /// Takes from an account that holds enough.
    Withdraw {
        /// The account that shrinks.
        account: AccountName,
        /// By how much.
        amount: Amount,
    },
    /// Takes from one account and adds to another: both or neither.
    Transfer {
        /// The account that pays.
        from: AccountName,
        /// The account that is paid.
        to: AccountName,
        /// How much.
        amount: Amount,
    },
}

impl Action {
    /// The account that the action names first (`main`, where the bank is founded), and the one that a transfer pays.
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

/// A sum of money that moves: 1 to [`i64::MAX`] minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

/// Why a number is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is {0}: give 1 to {max}, in minor units", max = i64::MAX)]
pub struct AmountError(i64);

impl Amount {
    /// Checks an amount, in minor units.
    ///
    /// # Errors
    /// Where it is not positive.
    pub fn new(minor_units: i64) -> Result<Self, AmountError> {
        if minor_units < 1 {
            Err(AmountError(minor_units))
        } else {
            Ok(Self(minor_units))
        }
    }

    /// In minor units; at least 1.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// 128 bits that name one write of one customer. Ids that rise with time (UUIDv7) are stored faster than random ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub [u8; 16]);

impl fmt::Display for RequestId {
    /// As 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
