//! The type parameters of openraft: what a log entry holds, and what a member is.

use std::fmt;
use std::sync::Arc;

use bank_ledger::{Applied, Command, DigestRule};

openraft::declare_raft_types!(
    /// openraft's type configuration. A node id is a replica id: a random number, one for each data directory, never
    /// reused.
    pub(crate) TypeConfig:
        D = Batch,
        R = Vec<Applied>,
        NodeId = u64,
        Node = Member,
);

pub(crate) type LeaderId = openraft::alias::LeaderIdOf<TypeConfig>;
pub(crate) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(crate) type Entry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;

/// The commands of one log entry, in order. They are shared, because the log's cache and every follower's stream hold
/// them at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The rule by which the commands change the digest. The leader that proposes the batch sets it.
    pub(crate) rule: DigestRule,
    pub(crate) commands: Arc<[Command]>,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands", self.commands.len())
    }
}

/// One member of the bank in the replicated membership.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Member {
    /// The number of the branch.
    pub(crate) branch: u32,
    /// Where customers reach the branch, `HOST:PORT`.
    pub(crate) address: String,
    /// Where the other branches reach it. `None`: at `address` too.
    pub(crate) peer_address: Option<String>,
    /// The member becomes a voter as soon as it has caught up. The flag stays set afterwards.
    pub(crate) to_vote: bool,
    /// The replica that leaves as soon as this member has caught up. The field stays set afterwards.
    pub(crate) replaces: Option<u64>,
}

impl Member {
    /// The address at which the other branches reach the branch.
    pub(crate) fn for_branches(&self) -> &str {
        self.peer_address.as_deref().unwrap_or(&self.address)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "branch {} at {}", self.branch, self.for_branches())
    }
}

/// The number of log entries up to and including `last`.
pub(super) fn entries_up_to(last: Option<LogId>) -> u64 {
    last.map_or(0, |id| id.index.saturating_add(1))
}
