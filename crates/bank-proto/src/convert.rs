//! Conversions between generated types and the vocabulary of `bank-types`.

use bank_types::{Propagation, RefusalReason};

use crate::v1;

/// A value of a protobuf enum that is unspecified, or that this program does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {0} is unspecified or unknown")]
pub struct UnknownValue(
    /// Name of the enum in words.
    pub &'static str,
);

impl From<RefusalReason> for v1::Refusal {
    fn from(reason: RefusalReason) -> Self {
        match reason {
            RefusalReason::InsufficientFunds => Self::InsufficientFunds,
            RefusalReason::NoSuchAccount => Self::NoSuchAccount,
            RefusalReason::AccountExists => Self::AccountExists,
            RefusalReason::Overflow => Self::Overflow,
            RefusalReason::SameAccount => Self::SameAccount,
        }
    }
}

impl TryFrom<v1::Refusal> for RefusalReason {
    type Error = UnknownValue;

    fn try_from(reason: v1::Refusal) -> Result<Self, UnknownValue> {
        match reason {
            v1::Refusal::InsufficientFunds => Ok(Self::InsufficientFunds),
            v1::Refusal::NoSuchAccount => Ok(Self::NoSuchAccount),
            v1::Refusal::AccountExists => Ok(Self::AccountExists),
            v1::Refusal::Overflow => Ok(Self::Overflow),
            v1::Refusal::SameAccount => Ok(Self::SameAccount),
            v1::Refusal::Unspecified => Err(UnknownValue("reason for a refusal")),
        }
    }
}

impl From<Propagation> for v1::Propagation {
    fn from(propagation: Propagation) -> Self {
        match propagation {
            Propagation::Quorum => Self::Quorum,
            Propagation::All => Self::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_converted_back() {
        for reason in RefusalReason::ALL {
            assert_eq!(RefusalReason::try_from(v1::Refusal::from(reason)), Ok(reason));
        }
        assert!(RefusalReason::try_from(v1::Refusal::Unspecified).is_err());
    }
}
