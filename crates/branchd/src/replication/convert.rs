//! openraft's types as messages, and back. What came over a wire or from a file may lack anything, so the way back can
//! fail, and says what is missing.

use std::collections::{BTreeMap, BTreeSet};

use bank_ledger::{AccountName, Action, Amount, Command, DigestRule, RequestId};
use bank_proto::v1;
use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult, VoteRequest, VoteResponse};

use super::types::{
    Batch, Entry, LeaderId, LogId, Member, Membership, SnapshotMeta, StoredMembership, TypeConfig, Vote,
};

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub(crate) struct Malformed(pub(crate) String);

fn missing(what: &str) -> Malformed {
    Malformed(format!("no {what}"))
}

fn leader_id(id: &LeaderId) -> v1::LeaderId {
    v1::LeaderId {
        term: id.term,
        replica: id.node_id,
    }
}

/// The highest term that is taken. A bank that elects a leader every millisecond comes there after 8,900 years. The engine
/// counts on from what it is given, so that a term near the end of its type would leave no room for an election.
const TERM_MAX: u64 = 1 << 48;
/// The highest index that is taken. A journal that grows by a million entries a second comes there after 2,200 years.
const INDEX_MAX: u64 = 1 << 56;
/// By how much the term of a candidate may be past what this branch knows. Without this branch the others have held at
/// most one election in each election timeout, of 50 ms at the least: they come this far in ten days of elections without a
/// pause, and in half a year of one election a second. A branch that was away for longer hears first from a leader.
const CANDIDATE_TERM_STEP_MAX: u64 = 1 << 24;
/// The same of a leader's term. A quorum has elected it, and a branch that was away for however long must follow it: this
/// only keeps a broken or hostile branch from using up all terms at once.
const LEADER_TERM_STEP_MAX: u64 = 1 << 32;

fn countable(what: &str, count: u64, max: u64) -> Result<(), Malformed> {
    if count > max {
        return Err(Malformed(format!("{what} {count} is past all bounds")));
    }
    Ok(())
}

/// A vote's term may rise by a bounded step only past the term that this branch knows.
pub(crate) fn reachable(vote: &Vote, known_term: u64) -> Result<(), Malformed> {
    let step_max = if vote.committed {
        LEADER_TERM_STEP_MAX
    } else {
        CANDIDATE_TERM_STEP_MAX
    };
    let term = vote.leader_id.term;
    if term > known_term.saturating_add(step_max) {
        return Err(Malformed(format!(
            "term {term} is more than {step_max} past {known_term}, the term of this branch"
        )));
    }
    Ok(())
}

/// A vote is sent by the replica that it is of: a branch cannot lead or stand for election in the name of another.
pub(crate) fn own(vote: &Vote, sender: u64) -> Result<(), Malformed> {
    if vote.leader_id.node_id != sender {
        return Err(Malformed("a branch speaks for another leader or candidate".to_owned()));
    }
    Ok(())
}

fn leader_id_back(id: Option<v1::LeaderId>) -> Result<LeaderId, Malformed> {
    let id = id.ok_or_else(|| missing("leader id"))?;
    countable("term", id.term, TERM_MAX)?;
    Ok(LeaderId {
        term: id.term,
        node_id: id.replica,
    })
}

pub(crate) fn vote(vote: &Vote) -> v1::Vote {
    v1::Vote {
        leader_id: Some(leader_id(&vote.leader_id)),
        committed: vote.committed,
    }
}

pub(crate) fn vote_back(vote: Option<v1::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or_else(|| missing("vote"))?;
    Ok(Vote {
        leader_id: leader_id_back(vote.leader_id)?,
        committed: vote.committed,
    })
}

pub(crate) fn log_id(id: &LogId) -> v1::LogId {
    v1::LogId {
        leader_id: Some(leader_id(&id.leader_id)),
        index: id.index,
    }
}

pub(crate) fn log_id_back(id: v1::LogId) -> Result<LogId, Malformed> {
    countable("index", id.index, INDEX_MAX)?;
    Ok(LogId {
        leader_id: leader_id_back(id.leader_id)?,
        index: id.index,
    })
}

pub(crate) fn log_id_back_opt(id: Option<v1::LogId>) -> Result<Option<LogId>, Malformed> {
    id.map(log_id_back).transpose()
}

fn membership(membership: &Membership) -> v1::Membership {
    let voter_sets = membership.get_joint_config().iter();
    let nodes = membership.nodes();
    v1::Membership {
        voter_sets: voter_sets
            .map(|set| v1::VoterSet {
                replicas: set.iter().copied().collect(),
            })
            .collect(),
        nodes: nodes
            .map(|(id, m)| {
                (
                    *id,
                    v1::Node {
                        branch: m.branch,
                        address: m.address.clone(),
                        to_vote: m.to_vote,
                        replaces: m.replaces,
                    },
                )
            })
            .collect(),
    }
}

fn membership_back(membership: v1::Membership) -> Result<Membership, Malformed> {
    let configs: Vec<BTreeSet<u64>> = membership
        .voter_sets
        .into_iter()
        .map(|set| set.replicas.into_iter().collect())
        .collect();
    let nodes: BTreeMap<u64, Member> = membership
        .nodes
        .into_iter()
        .map(|(id, node)| {
            (
                id,
                Member {
                    branch: node.branch,
                    address: node.address,
                    to_vote: node.to_vote,
                    replaces: node.replaces,
                },
            )
        })
        .collect();
    Membership::new(configs, nodes).map_err(|error| Malformed(error.to_string()))
}

pub(crate) fn stored_membership(stored: &StoredMembership) -> v1::StoredMembership {
    v1::StoredMembership {
        log_id: stored.log_id().as_ref().map(log_id),
        membership: Some(membership(stored.membership())),
    }
}

pub(crate) fn stored_membership_back(stored: v1::StoredMembership) -> Result<StoredMembership, Malformed> {
    // A membership that was never set has no voters, which `Membership::new` refuses.
    let Some(log_id) = log_id_back_opt(stored.log_id)? else {
        return Ok(StoredMembership::default());
    };
    let membership = membership_back(stored.membership.ok_or_else(|| missing("membership"))?)?;
    Ok(StoredMembership::new(Some(log_id), membership))
}

pub(crate) fn command(command: &Command) -> v1::Command {
    use v1::command::{Found, Move, MoveBetween, Open};
    let action = match &command.action {
        Action::Found { opening_balance } => v1::command::Action::Found(Found {
            opening_balance: *opening_balance,
        }),
        Action::Open { account } => v1::command::Action::Open(Open {
            account: account.to_string(),
        }),
        Action::Deposit { account, amount } => v1::command::Action::Deposit(Move {
            account: account.to_string(),
            amount: amount.get(),
        }),
        Action::Withdraw { account, amount } => v1::command::Action::Withdraw(Move {
            account: account.to_string(),
            amount: amount.get(),
        }),
        Action::Transfer { from, to, amount } => v1::command::Action::Transfer(MoveBetween {
            from_account: from.to_string(),
            to_account: to.to_string(),
            amount: amount.get(),
        }),
    };
    v1::Command {
        request_id: command.request_id.0.to_vec(),
        time_us: command.time_us,
        action: Some(action),
    }
}

pub(crate) fn command_back(command: v1::Command) -> Result<Command, Malformed> {
    let name = |text: &str| AccountName::new(text).map_err(|error| Malformed(error.to_string()));
    let amount = |value: i64| Amount::new(value).map_err(|error| Malformed(error.to_string()));
    let id: [u8; 16] = command
        .request_id
        .as_slice()
        .try_into()
        .map_err(|_| Malformed("a request id is not 16 bytes".into()))?;
    let action = match command.action.ok_or_else(|| missing("action in a command"))? {
        v1::command::Action::Found(found) => Action::Found {
            opening_balance: found.opening_balance,
        },
        v1::command::Action::Open(open) => Action::Open {
            account: name(&open.account)?,
        },
        v1::command::Action::Deposit(m) => Action::Deposit {
            account: name(&m.account)?,
            amount: amount(m.amount)?,
        },
        v1::command::Action::Withdraw(m) => Action::Withdraw {
            account: name(&m.account)?,
            amount: amount(m.amount)?,
        },
        v1::command::Action::Transfer(m) => Action::Transfer {
            from: name(&m.from_account)?,
            to: name(&m.to_account)?,
            amount: amount(m.amount)?,
        },
    };
    Ok(Command {
        request_id: RequestId(id),
        time_us: command.time_us,
        action,
    })
}

/// Part of the format on disk. Entries from before there was more than one rule have none, which is 0.
fn digest_rule(rule: DigestRule) -> u32 {
    match rule {
        DigestRule::Outcomes => 0,
        DigestRule::Reads => 2,
    }
}

fn digest_rule_back(number: u32) -> Result<DigestRule, Malformed> {
    match number {
        0 => Ok(DigestRule::Outcomes),
        2 => Ok(DigestRule::Reads),
        other => Err(Malformed(format!("digest rule {other} is not known here"))),
    }
}

pub(crate) fn entry(entry: &Entry) -> v1::LogEntry {
    let payload = match &entry.payload {
        EntryPayload::Blank => v1::log_entry::Payload::Blank(true),
        EntryPayload::Normal(batch) => v1::log_entry::Payload::Batch(v1::Batch {
            commands: batch.commands.iter().map(command).collect(),
            digest_rule: digest_rule(batch.rule),
        }),
        EntryPayload::Membership(m) => v1::log_entry::Payload::Membership(membership(m)),
    };
    v1::LogEntry {
        log_id: Some(log_id(&entry.log_id)),
        payload: Some(payload),
    }
}

pub(crate) fn entry_back(entry: v1::LogEntry) -> Result<Entry, Malformed> {
    let log_id = log_id_back(entry.log_id.ok_or_else(|| missing("log id in an entry"))?)?;
    let payload = match entry.payload.ok_or_else(|| missing("payload in an entry"))? {
        v1::log_entry::Payload::Blank(_) => EntryPayload::Blank,
        v1::log_entry::Payload::Batch(batch) => {
            let rule = digest_rule_back(batch.digest_rule)?;
            let commands: Result<Vec<Command>, Malformed> = batch.commands.into_iter().map(command_back).collect();
            EntryPayload::Normal(Batch {
                rule,
                commands: commands?.into(),
            })
        }
        v1::log_entry::Payload::Membership(m) => EntryPayload::Membership(membership_back(m)?),
    };
    Ok(Entry { log_id, payload })
}

pub(crate) fn append_request(request: &AppendEntriesRequest<TypeConfig>, peer: Option<v1::Peer>) -> v1::AppendRequest {
    v1::AppendRequest {
        peer,
        vote: Some(vote(&request.vote)),
        previous: request.prev_log_id.as_ref().map(log_id),
        entries: request.entries.iter().map(entry).collect(),
        committed: request.leader_commit.as_ref().map(log_id),
    }
}

pub(crate) fn append_request_back(request: v1::AppendRequest) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    let entries: Result<Vec<Entry>, Malformed> = request.entries.into_iter().map(entry_back).collect();
    Ok(AppendEntriesRequest {
        vote: vote_back(request.vote)?,
        prev_log_id: log_id_back_opt(request.previous)?,
        entries: entries?,
        leader_commit: log_id_back_opt(request.committed)?,
    })
}

pub(crate) fn append_response(result: StreamAppendResult<TypeConfig>) -> v1::AppendResponse {
    use v1::append_response::{Matched, Result};
    let result = match result {
        Ok(matched) => Result::Matched(Matched {
            log_id: matched.as_ref().map(log_id),
        }),
        Err(StreamAppendError::Conflict(at)) => Result::Conflict(log_id(&at)),
        Err(StreamAppendError::HigherVote(higher)) => Result::HigherVote(vote(&higher)),
    };
    v1::AppendResponse {
        result: Some(result),
        disk_full: false,
    }
}

pub(crate) fn append_response_back(response: v1::AppendResponse) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    use v1::append_response::Result;
    Ok(
        match response.result.ok_or_else(|| missing("result in an append response"))? {
            Result::Matched(matched) => Ok(log_id_back_opt(matched.log_id)?),
            Result::Conflict(at) => Err(StreamAppendError::Conflict(log_id_back(at)?)),
            Result::HigherVote(higher) => Err(StreamAppendError::HigherVote(vote_back(Some(higher))?)),
        },
    )
}

pub(crate) fn vote_request(request: &VoteRequest<TypeConfig>, peer: v1::Peer) -> v1::VoteRequest {
    v1::VoteRequest {
        peer: Some(peer),
        vote: Some(vote(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(log_id),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_request_back(request: v1::VoteRequest) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let mut back = VoteRequest::new(vote_back(request.vote)?, log_id_back_opt(request.last_log_id)?);
    back.leadership_transfer = request.leadership_transfer;
    Ok(back)
}

pub(crate) fn vote_response(response: &VoteResponse<TypeConfig>) -> v1::VoteResponse {
    v1::VoteResponse {
        vote: Some(vote(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.as_ref().map(log_id),
    }
}

pub(crate) fn vote_response_back(response: v1::VoteResponse) -> Result<VoteResponse<TypeConfig>, Malformed> {
    Ok(VoteResponse::new(
        vote_back(response.vote)?,
        log_id_back_opt(response.last_log_id)?,
        response.granted,
    ))
}

pub(crate) fn snapshot_meta_back(header: &v1::SnapshotHeader) -> Result<SnapshotMeta, Malformed> {
    let membership = header
        .last_membership
        .clone()
        .ok_or_else(|| missing("membership in a snapshot header"))?;
    Ok(SnapshotMeta {
        last_log_id: log_id_back_opt(header.last_log_id)?,
        last_membership: stored_membership_back(membership)?,
    })
}

/// What the engine takes for granted of a leader's entries, and would go wrong on: a leader who was elected and is not this
/// replica, and entries without a gap.
pub(crate) fn sound_append(request: &AppendEntriesRequest<TypeConfig>, me: u64) -> Result<(), Malformed> {
    elected_elsewhere(&request.vote, me)?;
    let first = request.prev_log_id.map_or(0, |previous| previous.index + 1);
    for (next, entry) in (first..).zip(&request.entries) {
        if entry.log_id.index != next {
            return Err(Malformed(format!(
                "entry {} stands where {next} belongs",
                entry.log_id.index
            )));
        }
        if entry.log_id.leader_id > request.vote.leader_id {
            return Err(Malformed(format!("entry {next} is of a later term than its leader")));
        }
    }
    Ok(())
}

/// The same of a leader's copy of the books.
pub(crate) fn sound_snapshot(vote: &Vote, meta: &SnapshotMeta, me: u64) -> Result<(), Malformed> {
    elected_elsewhere(vote, me)?;
    match meta.last_log_id {
        Some(last) if last.leader_id > vote.leader_id => Err(Malformed(
            "a copy of the books is of a later term than its leader".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The same of a candidate: it has not been elected yet.
pub(crate) fn sound_candidate(request: &VoteRequest<TypeConfig>) -> Result<(), Malformed> {
    if request.vote.committed {
        return Err(Malformed("a candidate says that it leads already".to_owned()));
    }
    match request.last_log_id {
        Some(last) if last.leader_id.term > request.vote.leader_id.term => Err(Malformed(
            "a candidate's log is of a later term than its vote".to_owned(),
        )),
        _ => Ok(()),
    }
}

fn elected_elsewhere(vote: &Vote, me: u64) -> Result<(), Malformed> {
    if !vote.committed {
        return Err(Malformed("a leader says that it has not been elected".to_owned()));
    }
    if vote.leader_id.node_id == me {
        return Err(Malformed("a leader says that it is this replica".to_owned()));
    }
    Ok(())
}
