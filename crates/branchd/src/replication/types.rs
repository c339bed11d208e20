//! What is replicated: batches of commands, between replicas that are branches.

use std::fmt;
use std::sync::Arc;

use bank_ledger::{Applied, Command, DigestRule};

openraft::declare_raft_types!(
    /// Node ids are replica ids: random, one for each data directory, never used again.
    pub(crate) TypeConfig:
        D = Batch,
        R = Vec<Applied>,
        NodeId = u64,
        Node = Member,
);

pub(crate) type Raft = openraft::Raft<TypeConfig, super::state_machine::StateMachine>;
pub(crate) type LeaderId = openraft::alias::LeaderIdOf<TypeConfig>;
pub(crate) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(crate) type Entry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<TypeConfig, super::state_machine::BooksCopy>;

/// One journal entry's commands, in order. Shared, since the log's cache and every follower's stream hold them at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// What the commands add to the digest, as the leader that proposed them fixed it.
    pub(crate) rule: DigestRule,
    pub(crate) commands: Arc<[Command]>,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands", self.commands.len())
    }
}

/// A branch, as the membership has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Member {
    pub(crate) branch: u32,
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// It is to vote as soon as it has caught up. Stays set afterwards.
    pub(crate) to_vote: bool,
    /// The replica that leaves as soon as this one has caught up. Stays set afterwards.
    pub(crate) replaces: Option<u64>,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "branch {} at {}", self.branch, self.address)
    }
}
