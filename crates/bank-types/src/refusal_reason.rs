//! Reasons for which the bank decides against a write.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// Reason for which the bank decided against a write.
///
/// It is written in kebab-case, such as `insufficient-funds`. The snake_case spelling of older files is also read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
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

words!(RefusalReason {
    InsufficientFunds = "insufficient-funds",
    NoSuchAccount = "no-such-account",
    AccountExists = "account-exists",
    Overflow = "overflow",
    SameAccount = "same-account",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snake_case_of_older_files_is_read() {
        for reason in RefusalReason::ALL {
            let older = format!("\"{}\"", reason.as_str().replace('-', "_"));
            assert_eq!(serde_json::from_str::<RefusalReason>(&older).expect("read"), reason);
        }
        assert!(serde_json::from_str::<RefusalReason>("\"bad-weather\"").is_err());
    }
}
