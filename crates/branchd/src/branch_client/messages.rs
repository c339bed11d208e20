//! What branches ask each other and answer, as domain types.

use bank_ledger::Position;
use uuid::Uuid;

use crate::address::BranchAddress;
use crate::replication::engine::Replica;
use crate::replication::membership::Version;

/// A request to found a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundingRequest {
    /// All branches of the new bank.
    pub(crate) branches: Vec<BranchAddress>,
    /// The opening balance of the account `main`, in minor units.
    pub(crate) opening_balance: i64,
    /// The number of branches that vote. `None`: the bank chooses.
    pub(crate) voters: Option<u32>,
}

/// A bank that has been founded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Founded {
    pub(crate) bank_id: Uuid,
    /// The numbers of the branches that vote.
    pub(crate) voters: Vec<u32>,
    /// The position of the opening of `main`.
    pub(crate) position: Position,
}

/// A branch that has joined a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) bank_id: Uuid,
    /// Whether the branch votes.
    pub(crate) voter: bool,
    /// Whether the branch took the place of another replica with its number.
    pub(crate) replaced: bool,
    /// The position that the branch had applied when its join was complete.
    pub(crate) position: Position,
}

/// The part of a branch's status that matters to a founding or a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchSummary {
    pub(crate) branch: u32,
    /// The id of the branch's bank, as the branch writes it. `None`: it has no bank.
    pub(crate) bank_id: Option<String>,
    /// The position that the branch has applied.
    pub(crate) position: Position,
}

/// A change of the bank's members that an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MembershipChange {
    /// Add a replica as a learner, or let it replace the member with its number. `position` is what the replica had
    /// applied when it was asked.
    Enlist { new: Replica, position: Position },
    /// Make a learner a voter.
    Promote { branch: u32 },
    /// Remove a branch.
    Remove { branch: u32 },
}

/// The answer to a replica that asks whether it is a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MembershipAnswer {
    /// The newest committed membership that the answering branch knows.
    pub(crate) version: Version,
    /// Whether the asking replica is in that membership.
    pub(crate) member: bool,
    /// The address of the member that has the asking branch's number, if there is such a member.
    pub(crate) holder: Option<String>,
}
