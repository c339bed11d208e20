//! Requests that change the books.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account_name::AccountName;
use crate::amount::Amount;

/// A request of a customer that changes the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Write {
    /// Pays money in.
    Deposit {
        /// Account that is paid.
        account: AccountName,
        /// Amount to add.
        amount: Amount,
    },
    /// Takes money out.
    Withdraw {
        /// Account that pays.
        account: AccountName,
        /// Amount to take.
        amount: Amount,
    },
    /// Moves money between two accounts of the bank.
    Transfer {
        /// Account that pays.
        from: AccountName,
        /// Account that is paid.
        to: AccountName,
        /// Amount to move.
        amount: Amount,
    },
    /// Opens an account with a balance of 0.
    Open {
        /// Name of the new account.
        account: AccountName,
    },
}

impl Write {
    /// Account of the request. For a transfer, the account that pays.
    pub fn account(&self) -> &AccountName {
        match self {
            Self::Deposit { account, .. } | Self::Withdraw { account, .. } | Self::Open { account } => account,
            Self::Transfer { from, .. } => from,
        }
    }
}

impl fmt::Display for Write {
    /// Names the request in a sentence: `deposit of 400 to main`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deposit { account, amount } => write!(f, "deposit of {amount} to {account}"),
            Self::Withdraw { account, amount } => write!(f, "withdrawal of {amount} from {account}"),
            Self::Transfer { from, to, amount } => write!(f, "transfer of {amount} from {from} to {to}"),
            Self::Open { account } => write!(f, "opening of account {account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_files_hold_a_write_in_this_form() {
        let write = Write::Transfer {
            from: AccountName::main(),
            to: AccountName::new("rent").expect("a name"),
            amount: Amount::MAX,
        };
        let json = r#"{"transfer":{"from":"main","to":"rent","amount":9223372036854775807}}"#;
        assert_eq!(serde_json::to_string(&write).expect("JSON"), json);
        assert_eq!(serde_json::from_str::<Write>(json).expect("read back"), write);
    }
}
