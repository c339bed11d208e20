//! Conversions between openraft's types and the messages of the protocol.
//!
//! A message may come from another branch or from a file, so a conversion from a message can fail. The error says what
//! is missing or impossible. Types of this crate convert by `From` and `TryFrom`. Where both types come from other
//! crates, Rust's orphan rule forbids that, and the conversion is a function `*_to_wire` or `*_from_wire`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bank_ledger::{Command, DigestRule};
use bank_proto::v1;
use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult, VoteRequest, VoteResponse};
use prost::Message;

use super::command_wire::{command_from_wire, command_to_wire};
use super::malformed::Malformed;
use super::types::{
    Batch, Entry, LeaderId, LogId, Member, Membership, SnapshotMeta, StoredMembership, TypeConfig, Vote,
};
use crate::address;
use crate::store::AppliedState;

/// The highest term that is accepted. openraft counts on from a term that it is given, so a term near `u64::MAX` would
/// leave no room for an election. A bank that elects a leader every millisecond reaches this term after 8,900 years.
const TERM_MAX: u64 = 1 << 48;
/// The highest log index that is accepted. A log that grows by a million entries a second reaches it after 2,200 years.
const INDEX_MAX: u64 = 1 << 56;

fn at_most(what: &str, count: u64, max: u64) -> Result<(), Malformed> {
    if count > max {
        return Err(Malformed(format!("{what} {count} is past all bounds")));
    }
    Ok(())
}

fn leader_id_to_wire(id: &LeaderId) -> v1::LeaderId {
    v1::LeaderId {
        term: id.term,
        replica: id.node_id,
    }
}

fn leader_id_from_wire(id: Option<v1::LeaderId>) -> Result<LeaderId, Malformed> {
    let id = id.ok_or_else(|| Malformed::missing("leader id"))?;
    at_most("term", id.term, TERM_MAX)?;
    Ok(LeaderId {
        term: id.term,
        node_id: id.replica,
    })
}

pub(super) fn vote_to_wire(vote: &Vote) -> v1::Vote {
    v1::Vote {
        leader_id: Some(leader_id_to_wire(&vote.leader_id)),
        committed: vote.committed,
    }
}

pub(super) fn vote_from_wire(vote: Option<v1::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or_else(|| Malformed::missing("vote"))?;
    Ok(Vote {
        leader_id: leader_id_from_wire(vote.leader_id)?,
        committed: vote.committed,
    })
}

pub(super) fn log_id_to_wire(id: &LogId) -> v1::LogId {
    v1::LogId {
        leader_id: Some(leader_id_to_wire(&id.leader_id)),
        index: id.index,
    }
}

pub(super) fn log_id_from_wire(id: v1::LogId) -> Result<LogId, Malformed> {
    at_most("index", id.index, INDEX_MAX)?;
    Ok(LogId {
        leader_id: leader_id_from_wire(id.leader_id)?,
        index: id.index,
    })
}

pub(super) fn optional_log_id_from_wire(id: Option<v1::LogId>) -> Result<Option<LogId>, Malformed> {
    id.map(log_id_from_wire).transpose()
}

impl From<&Member> for v1::Node {
    fn from(member: &Member) -> Self {
        Self {
            branch: member.branch,
            address: member.address.clone(),
            peer_address: member.peer_address.clone().unwrap_or_default(),
            to_vote: member.to_vote,
            replaces: member.replaces,
        }
    }
}

impl From<v1::Node> for Member {
    fn from(node: v1::Node) -> Self {
        Self {
            branch: node.branch,
            peer_address: address::peer_address(&node.address, node.peer_address),
            address: node.address,
            to_vote: node.to_vote,
            replaces: node.replaces,
        }
    }
}

fn membership_to_wire(membership: &Membership) -> v1::Membership {
    let voter_sets = membership.get_joint_config().iter();
    v1::Membership {
        voter_sets: voter_sets
            .map(|set| v1::VoterSet {
                replicas: set.iter().copied().collect(),
            })
            .collect(),
        nodes: membership.nodes().map(|(id, member)| (*id, member.into())).collect(),
    }
}

fn membership_from_wire(membership: v1::Membership) -> Result<Membership, Malformed> {
    let voter_sets = membership.voter_sets.into_iter();
    let configs: Vec<BTreeSet<u64>> = voter_sets.map(|set| set.replicas.into_iter().collect()).collect();
    let nodes = membership.nodes.into_iter();
    let nodes: BTreeMap<u64, Member> = nodes.map(|(id, node)| (id, node.into())).collect();
    Membership::new(configs, nodes).map_err(|error| Malformed(error.to_string()))
}

pub(super) fn stored_membership_to_wire(stored: &StoredMembership) -> v1::StoredMembership {
    v1::StoredMembership {
        log_id: stored.log_id().as_ref().map(log_id_to_wire),
        membership: Some(membership_to_wire(stored.membership())),
    }
}

pub(super) fn stored_membership_from_wire(stored: v1::StoredMembership) -> Result<StoredMembership, Malformed> {
    // A membership that was never set has no voters, which `Membership::new` refuses.
    let Some(log_id) = optional_log_id_from_wire(stored.log_id)? else {
        return Ok(StoredMembership::default());
    };
    let membership = stored.membership.ok_or_else(|| Malformed::missing("membership"))?;
    Ok(StoredMembership::new(Some(log_id), membership_from_wire(membership)?))
}

/// The number of a digest rule, part of the format on disk. An entry from before there were rules has no number, which
/// reads as 0.
fn digest_rule_to_wire(rule: DigestRule) -> u32 {
    match rule {
        DigestRule::Outcomes => 0,
        DigestRule::Reads => 2,
    }
}

fn digest_rule_from_wire(number: u32) -> Result<DigestRule, Malformed> {
    match number {
        0 => Ok(DigestRule::Outcomes),
        2 => Ok(DigestRule::Reads),
        other => Err(Malformed(format!("digest rule {other} is not known here"))),
    }
}

impl From<&Batch> for v1::Batch {
    fn from(batch: &Batch) -> Self {
        Self {
            commands: batch.commands.iter().map(command_to_wire).collect(),
            digest_rule: digest_rule_to_wire(batch.rule),
        }
    }
}

impl TryFrom<v1::Batch> for Batch {
    type Error = Malformed;

    fn try_from(batch: v1::Batch) -> Result<Self, Malformed> {
        let rule = digest_rule_from_wire(batch.digest_rule)?;
        let commands: Result<Vec<Command>, Malformed> = batch.commands.into_iter().map(command_from_wire).collect();
        Ok(Self {
            rule,
            commands: commands?.into(),
        })
    }
}

pub(super) fn entry_to_wire(entry: &Entry) -> v1::LogEntry {
    let payload = match &entry.payload {
        EntryPayload::Blank => v1::log_entry::Payload::Blank(true),
        EntryPayload::Normal(batch) => v1::log_entry::Payload::Batch(batch.into()),
        EntryPayload::Membership(membership) => v1::log_entry::Payload::Membership(membership_to_wire(membership)),
    };
    v1::LogEntry {
        log_id: Some(log_id_to_wire(&entry.log_id)),
        payload: Some(payload),
    }
}

pub(super) fn entry_from_wire(entry: v1::LogEntry) -> Result<Entry, Malformed> {
    let log_id = log_id_from_wire(entry.log_id.ok_or_else(|| Malformed::missing("log id in an entry"))?)?;
    let payload = match entry.payload.ok_or_else(|| Malformed::missing("payload in an entry"))? {
        v1::log_entry::Payload::Blank(_) => EntryPayload::Blank,
        v1::log_entry::Payload::Batch(batch) => EntryPayload::Normal(batch.try_into()?),
        v1::log_entry::Payload::Membership(membership) => EntryPayload::Membership(membership_from_wire(membership)?),
    };
    Ok(Entry { log_id, payload })
}

pub(super) fn append_request_to_wire(
    request: &AppendEntriesRequest<TypeConfig>,
    peer: Option<v1::Peer>,
) -> v1::AppendRequest {
    v1::AppendRequest {
        peer,
        vote: Some(vote_to_wire(&request.vote)),
        previous: request.prev_log_id.as_ref().map(log_id_to_wire),
        entries: request.entries.iter().map(entry_to_wire).collect(),
        committed: request.leader_commit.as_ref().map(log_id_to_wire),
    }
}

pub(super) fn append_request_from_wire(
    request: v1::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    let entries: Result<Vec<Entry>, Malformed> = request.entries.into_iter().map(entry_from_wire).collect();
    Ok(AppendEntriesRequest {
        vote: vote_from_wire(request.vote)?,
        prev_log_id: optional_log_id_from_wire(request.previous)?,
        entries: entries?,
        leader_commit: optional_log_id_from_wire(request.committed)?,
    })
}

pub(super) fn append_response_to_wire(result: StreamAppendResult<TypeConfig>) -> v1::AppendResponse {
    use v1::append_response::{Matched, Result};
    let result = match result {
        Ok(matched) => Result::Matched(Matched {
            log_id: matched.as_ref().map(log_id_to_wire),
        }),
        Err(StreamAppendError::Conflict(at)) => Result::Conflict(log_id_to_wire(&at)),
        Err(StreamAppendError::HigherVote(higher)) => Result::HigherVote(vote_to_wire(&higher)),
    };
    v1::AppendResponse {
        result: Some(result),
        disk_full: false,
    }
}

pub(super) fn append_response_from_wire(
    response: v1::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    use v1::append_response::Result;
    let missing = || Malformed::missing("result in an append response");
    Ok(match response.result.ok_or_else(missing)? {
        Result::Matched(matched) => Ok(optional_log_id_from_wire(matched.log_id)?),
        Result::Conflict(at) => Err(StreamAppendError::Conflict(log_id_from_wire(at)?)),
        Result::HigherVote(higher) => Err(StreamAppendError::HigherVote(vote_from_wire(Some(higher))?)),
    })
}

pub(super) fn vote_request_to_wire(request: &VoteRequest<TypeConfig>, peer: v1::Peer) -> v1::VoteRequest {
    v1::VoteRequest {
        peer: Some(peer),
        vote: Some(vote_to_wire(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(log_id_to_wire),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(super) fn vote_request_from_wire(message: v1::VoteRequest) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let vote = vote_from_wire(message.vote)?;
    let mut request = VoteRequest::new(vote, optional_log_id_from_wire(message.last_log_id)?);
    request.leadership_transfer = message.leadership_transfer;
    Ok(request)
}

pub(super) fn vote_response_to_wire(response: &VoteResponse<TypeConfig>) -> v1::VoteResponse {
    v1::VoteResponse {
        vote: Some(vote_to_wire(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.as_ref().map(log_id_to_wire),
    }
}

pub(super) fn vote_response_from_wire(response: v1::VoteResponse) -> Result<VoteResponse<TypeConfig>, Malformed> {
    Ok(VoteResponse::new(
        vote_from_wire(response.vote)?,
        optional_log_id_from_wire(response.last_log_id)?,
        response.granted,
    ))
}

pub(super) fn snapshot_meta_from_wire(header: &v1::SnapshotHeader) -> Result<SnapshotMeta, Malformed> {
    let membership = header.last_membership.clone();
    let membership = membership.ok_or_else(|| Malformed::missing("membership in a snapshot header"))?;
    Ok(SnapshotMeta {
        last_log_id: optional_log_id_from_wire(header.last_log_id)?,
        last_membership: stored_membership_from_wire(membership)?,
    })
}

/// The last log id and membership that the ledger database holds in encoded form.
impl TryFrom<&AppliedState> for SnapshotMeta {
    type Error = io::Error;

    fn try_from(state: &AppliedState) -> io::Result<Self> {
        let last_log_id = match &state.applied {
            Some(bytes) => Some(decoded(bytes, log_id_from_wire)?),
            None => None,
        };
        let last_membership = match &state.membership {
            Some(bytes) => decoded(bytes, stored_membership_from_wire)?,
            None => StoredMembership::default(),
        };
        Ok(Self {
            last_log_id,
            last_membership,
        })
    }
}

/// Decodes a message that this branch has stored, and converts it.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the bytes are not such a message.
pub(super) fn decoded<M: Message + Default, T>(
    bytes: &[u8],
    convert: impl FnOnce(M) -> Result<T, Malformed>,
) -> io::Result<T> {
    let message = M::decode(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    convert(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
