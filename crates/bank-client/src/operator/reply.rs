//! Replies to the calls of an operator.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bank_proto::v1;
use bank_types::{Address, Position};
use serde::Serialize;
use uuid::Uuid;

use crate::bank_file::Branch;
use crate::wire::bank_id_of;

/// A branch that is to belong to a bank, and the addresses at which it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewBranch {
    /// Number of the branch, 1 or more.
    pub branch: u32,
    /// Address at which customers and operators reach the branch.
    pub address: Address,
    /// Address at which the other branches reach the branch. `None`: at `address` too.
    pub peer_address: Option<Address>,
}

/// A bank that was founded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founded {
    /// Id of the new bank.
    pub bank_id: Uuid,
    /// Branches that vote.
    pub voters: Vec<u32>,
    /// Position of the command that opens `main`: 1.
    pub position: Position,
}

/// A branch that joined a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Id of the bank.
    pub bank_id: Uuid,
    /// The branch votes.
    pub voter: bool,
    /// The branch took the place of a branch with its number, which is not a member any more.
    pub replaced: bool,
    /// Position that the branch had applied when it became a member.
    pub position: Position,
}

/// A branch that was made a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// Id of the bank.
    pub bank_id: Uuid,
    /// Branches that vote now.
    pub voters: Vec<u32>,
}

/// A branch that was removed from its bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Id of the bank.
    pub bank_id: Uuid,
}

/// Status of a branch, as the branch knows it itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchStatus {
    /// Id of its bank. `None` before a bank is founded.
    pub bank_id: Option<Uuid>,
    /// Number of the branch.
    pub branch: u32,
    /// Role of the branch in the bank.
    pub role: Role,
    /// Branch that leads. `None` if the branch knows none, or has heard none for its election timeout.
    pub leader: Option<u32>,
    /// Term of the leader. It rises with each election.
    pub term: u64,
    /// Number of commands that the branch has applied.
    pub position: Position,
    /// SHA-256 chained over every decision up to the position. Empty before a bank is founded.
    pub digest: Vec<u8>,
    /// Every branch of the bank.
    pub branches: Vec<Member>,
    /// Address at which the branch listens.
    pub address: String,
    /// Address at which the branch listens for other branches. `None`: at `address` too.
    pub peer_address: Option<String>,
    /// Data directory of the branch.
    pub data_directory: String,
    /// Process id of the branch on its host.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// The branch serves customers: its books are open, and it knows a leader.
    pub ready: bool,
    /// Number of open connections of customers.
    pub customers: u32,
    /// Reason for which the branch is not a member of its bank any more. `None` while it is one.
    pub removed: Option<String>,
    /// Number of log entries that the branch has not applied yet since its start. 0 if it has caught up.
    pub behind: u64,
    /// Bytes that the branch may still write on the file system of its data directory. `None` if it does not say.
    pub disk_free_bytes: Option<u64>,
    /// Bytes that the files in its data directory take. `None` if it does not say.
    pub disk_used_bytes: Option<u64>,
    /// Set if the branch has no leader because it reaches no majority of the voters.
    pub lost_majority: Option<LostMajority>,
    /// The head of the chain of entries in the branch's file. `None` if it does not say.
    pub entries_head: Option<EntriesHead>,
    /// The newest finished check of all rows of the books since the start of the branch.
    pub scrub: Option<Scrub>,
    /// The branch has certificates: it takes and makes only connections that are encrypted, except on its own host.
    pub encrypted: bool,
    /// The branch was told to accept that connections beyond its host are not encrypted.
    pub insecure: bool,
    /// End of the validity of the branch's certificate: microseconds since 1970 (UTC). `None` without certificates.
    pub certificate_not_after_us: Option<i64>,
    /// Each client must prove who it is.
    pub identities_required: bool,
    /// Number of calls that were denied since the start of the branch, by reason.
    pub denied_calls: BTreeMap<String, u64>,
    /// Number of syncs of the journal's segments since the branch opened it. `None` if it does not say.
    pub journal_syncs: Option<u64>,
}

/// The head of the chain of entries: it stands for every accepted command up to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntriesHead {
    /// Position of the state in the branch's file that the head belongs to.
    pub position: Position,
    /// SHA-256, chained over the entries.
    pub head: Vec<u8>,
}

impl fmt::Display for EntriesHead {
    /// Writes `POSITION:HEX`, as `branchd verify --head` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.position)?;
        self.head.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A finished check of all rows of a branch's books in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrub {
    /// Time at which it finished, by the branch's clock: microseconds since 1970 (UTC).
    pub finished_us: i64,
    /// Position of the state at the end of the check.
    pub position: Position,
    /// Number of rows that were checked.
    pub rows: u64,
    /// Whether the sum over the accounts was checked.
    pub summed: bool,
}

impl From<v1::EntriesHead> for EntriesHead {
    fn from(found: v1::EntriesHead) -> Self {
        Self {
            position: found.position,
            head: found.head,
        }
    }
}

impl From<v1::Scrub> for Scrub {
    fn from(scrub: v1::Scrub) -> Self {
        Self {
            finished_us: scrub.finished_us,
            position: scrub.position,
            rows: scrub.rows,
            summed: scrub.summed,
        }
    }
}

impl BranchStatus {
    /// The newest of several statuses: of the highest term and, in it, of the highest position.
    pub fn newest<'a>(statuses: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        statuses.into_iter().max_by_key(|status| (status.term, status.position))
    }

    /// The branches that vote, as this branch has them.
    pub fn voters(&self) -> BTreeSet<u32> {
        let voters = self.branches.iter().filter(|member| member.voter);
        voters.map(|member| member.branch).collect()
    }
}

/// How many voters a branch reaches that has no leader for want of a majority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostMajority {
    /// Voters that the branch reaches, itself included.
    pub reached: u32,
    /// Voters that there are.
    pub voters: u32,
}

/// A branch in the status of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Number of the branch.
    pub branch: u32,
    /// Address at which customers reach the branch.
    pub address: String,
    /// Address at which the other branches reach it. `None`: at `address` too.
    pub peer_address: Option<String>,
    /// The branch votes.
    pub voter: bool,
    /// Progress of a join, a promotion or a replacement. `None` if there is none.
    pub joining: Option<JoinProgress>,
}

/// Progress of a join, which every leader continues by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinProgress {
    /// The branch is to vote and does not vote yet.
    pub to_vote: bool,
    /// Address of the branch whose place this one takes. `None` if it takes no place.
    pub replaces: Option<String>,
    /// Number of log entries that the branch has. Only the leader knows it.
    pub entries: Option<u64>,
    /// Number of log entries that there are. Only the leader knows it.
    pub entries_of: Option<u64>,
    /// Whether the branch answers the leader at the moment. Only the leader knows it.
    pub answers: Option<bool>,
    /// The set of voters is being changed: this branch enters or leaves it.
    pub exchanging: bool,
}

/// Role of a branch in its bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Has no bank yet.
    Uninitialized,
    /// Orders the writes.
    Leader,
    /// Votes and follows the leader.
    Follower,
    /// Asks for votes to become the leader.
    Candidate,
    /// Applies every command and does not vote.
    Learner,
    /// Unspecified (the branch is stopping), or a role that this program does not know.
    Other,
}

impl From<&NewBranch> for v1::BranchAddress {
    fn from(new: &NewBranch) -> Self {
        Self {
            branch: new.branch,
            address: new.address.to_string(),
            peer_address: new.peer_address.as_ref().map(Address::to_string).unwrap_or_default(),
        }
    }
}

impl From<&Branch> for NewBranch {
    fn from(branch: &Branch) -> Self {
        Self {
            branch: branch.branch,
            address: branch.address.clone(),
            peer_address: None,
        }
    }
}

impl From<&NewBranch> for Branch {
    fn from(new: &NewBranch) -> Self {
        Self {
            branch: new.branch,
            address: new.address.clone(),
        }
    }
}

impl TryFrom<v1::InitResponse> for Founded {
    type Error = String;

    fn try_from(reply: v1::InitResponse) -> Result<Self, String> {
        Ok(Self {
            bank_id: bank_id_of(&reply.bank_id)?,
            voters: reply.voters,
            position: reply.position,
        })
    }
}

impl TryFrom<v1::JoinResponse> for Joined {
    type Error = String;

    fn try_from(reply: v1::JoinResponse) -> Result<Self, String> {
        Ok(Self {
            bank_id: bank_id_of(&reply.bank_id)?,
            voter: reply.voter,
            replaced: reply.replaced,
            position: reply.position,
        })
    }
}

impl TryFrom<v1::PromoteResponse> for Promoted {
    type Error = String;

    fn try_from(reply: v1::PromoteResponse) -> Result<Self, String> {
        Ok(Self {
            bank_id: bank_id_of(&reply.bank_id)?,
            voters: reply.voters,
        })
    }
}

impl TryFrom<v1::RemoveResponse> for Removed {
    type Error = String;

    fn try_from(reply: v1::RemoveResponse) -> Result<Self, String> {
        Ok(Self {
            bank_id: bank_id_of(&reply.bank_id)?,
        })
    }
}

impl TryFrom<v1::GetStatusResponse> for BranchStatus {
    type Error = String;

    fn try_from(reply: v1::GetStatusResponse) -> Result<Self, String> {
        let bank_id = none_if_empty(&reply.bank_id).map(bank_id_of).transpose()?;
        Ok(Self {
            bank_id,
            branch: reply.branch,
            role: reply.role().into(),
            leader: Some(reply.leader).filter(|leader| *leader > 0),
            term: reply.term,
            position: reply.position,
            digest: reply.digest,
            branches: reply.branches.into_iter().map(Member::from).collect(),
            peer_address: none_if_empty(&reply.peer_address).map(str::to_owned),
            address: reply.address,
            data_directory: reply.data_directory,
            pid: reply.pid,
            version: reply.version,
            ready: reply.ready,
            customers: reply.customers,
            removed: none_if_empty(&reply.removed).map(str::to_owned),
            behind: reply.behind,
            disk_free_bytes: reply.disk_free_bytes,
            disk_used_bytes: reply.disk_used_bytes,
            lost_majority: reply.lost_majority.map(|lost| LostMajority {
                reached: lost.reached,
                voters: lost.voters,
            }),
            entries_head: reply.entries_head.map(EntriesHead::from),
            scrub: reply.scrub.map(Scrub::from),
            encrypted: reply.encrypted,
            insecure: reply.insecure,
            certificate_not_after_us: reply.certificate_not_after_us,
            identities_required: reply.identities_required,
            denied_calls: reply
                .denied_calls
                .into_iter()
                .map(|denied| (denied.reason, denied.count))
                .collect(),
            journal_syncs: reply.journal_syncs,
        })
    }
}

impl From<v1::BranchStatus> for Member {
    fn from(member: v1::BranchStatus) -> Self {
        Self {
            branch: member.branch,
            peer_address: none_if_empty(&member.peer_address).map(str::to_owned),
            address: member.address,
            voter: member.voter,
            joining: member.joining.map(JoinProgress::from),
        }
    }
}

impl From<v1::JoinProgress> for JoinProgress {
    fn from(progress: v1::JoinProgress) -> Self {
        Self {
            to_vote: progress.to_vote,
            replaces: none_if_empty(&progress.replaces).map(str::to_owned),
            entries: progress.entries,
            entries_of: progress.entries_of,
            answers: progress.answers,
            exchanging: progress.exchanging,
        }
    }
}

impl From<v1::Role> for Role {
    fn from(role: v1::Role) -> Self {
        match role {
            v1::Role::Uninitialized => Self::Uninitialized,
            v1::Role::Leader => Self::Leader,
            v1::Role::Follower => Self::Follower,
            v1::Role::Candidate => Self::Candidate,
            v1::Role::Learner => Self::Learner,
            v1::Role::Unspecified => Self::Other,
        }
    }
}

fn none_if_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
