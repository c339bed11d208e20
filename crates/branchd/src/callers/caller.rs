//! Who is at the other end of a connection.

use bank_auth::{BranchIdentity, Party};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Anyone: nothing was proven.
    Customer,
    /// Has the bank's secret, and may change the bank.
    Operator,
    /// A branch that has the bank's secret.
    Branch(BranchIdentity),
}

impl Caller {
    /// The branch that it is, if it is one.
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
