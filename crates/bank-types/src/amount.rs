//! Amounts of money.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money that moves: 1 to [`i64::MAX`] minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

/// A number that is not an [`Amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is {0}: give 1 to {max}, in minor units", max = i64::MAX)]
pub struct AmountError(i64);

impl Amount {
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// Checks an amount in minor units.
    ///
    /// # Errors
    /// The number is not positive.
    pub fn new(minor_units: i64) -> Result<Self, AmountError> {
        if minor_units < 1 {
            Err(AmountError(minor_units))
        } else {
            Ok(Self(minor_units))
        }
    }

    /// The amount in minor units, at least 1.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Amount {
    type Error = AmountError;

    fn try_from(minor_units: i64) -> Result<Self, AmountError> {
        Self::new(minor_units)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_numbers_are_amounts() {
        for good in [1, i64::MAX] {
            assert_eq!(Amount::new(good).map(Amount::get), Ok(good));
            assert_eq!(
                serde_json::from_str::<Amount>(&good.to_string()).expect("read").get(),
                good
            );
        }
        for bad in [0, -1, i64::MIN] {
            let error = Amount::new(bad).expect_err("not positive").to_string();
            assert!(error.contains(&bad.to_string()), "{error}");
            assert!(serde_json::from_str::<Amount>(&bad.to_string()).is_err());
        }
    }
}
