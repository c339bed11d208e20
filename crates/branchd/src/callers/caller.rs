//! Who opened a connection.

use bank_auth::{BranchIdentity, Party};

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Any client. Who it is, `access` finds out for each call.
    Customer,
    /// An operator, who proved to have the bank's secret or has the certificate of an operator. Operators may change the
    /// bank.
    Operator,
    /// A branch, which proved to have the bank's secret.
    Branch(BranchIdentity),
}

impl Caller {
    /// The branch, if a branch opened the connection.
    pub(crate) fn branch(self) -> Option<BranchIdentity> {
        match self {
            Self::Branch(branch) => Some(branch),
            Self::Customer | Self::Operator => None,
        }
    }
}

impl From<Party> for Caller {
    fn from(party: Party) -> Self {
        match party {
            Party::Operator => Self::Operator,
            Party::Branch(branch) => Self::Branch(branch),
        }
    }
}
