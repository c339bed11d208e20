//! Checks on messages of other branches, made before the engine sees a message.
//!
//! openraft trusts its peers. A message that breaks its assumptions could stop this branch or make it elect wrongly.

use openraft::raft::{AppendEntriesRequest, VoteRequest};
use tonic::Status;

use super::log_store::KnownTerm;
use super::malformed::Malformed;
use super::types::{SnapshotMeta, TypeConfig, Vote};

/// How far the term of a candidate may be above the term that this branch knows. A branch that is cut off misses at
/// most one election in each election timeout, which is 50 ms at the least. So the others reach this step after ten
/// days of elections without a pause, or after half a year of one election a second. A branch that was away for longer
/// hears from a leader first.
const CANDIDATE_TERM_STEP_MAX: u64 = 1 << 24;
/// How far the term of a leader may be above the term that this branch knows. A quorum has elected the leader, and a
/// branch must follow it however long the branch was away. The bound only keeps a broken or hostile branch from using
/// up all terms.
const LEADER_TERM_STEP_MAX: u64 = 1 << 32;

/// Checks that a vote belongs to its sender and that its term is at most one step above the known term.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(super) fn admissible(vote: &Vote, sender: u64, term: &KnownTerm) -> Result<(), Status> {
    own_vote(vote, sender)?;
    Ok(reachable_term(vote, term.get())?)
}

/// Checks that a vote's term is at most one bounded step above the term that this branch knows.
pub(super) fn reachable_term(vote: &Vote, known_term: u64) -> Result<(), Malformed> {
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

/// Checks that a vote is sent by the replica that it names. A branch cannot lead or stand for election in another's
/// name.
pub(super) fn own_vote(vote: &Vote, sender: u64) -> Result<(), Malformed> {
    if vote.leader_id.node_id != sender {
        return Err(Malformed("a branch speaks for another leader or candidate".to_owned()));
    }
    Ok(())
}

/// Checks a leader's entries: the leader is elected, it is not this replica, and the entries have no gap and no later
/// term than the leader.
pub(super) fn append(request: &AppendEntriesRequest<TypeConfig>, me: u64) -> Result<(), Malformed> {
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

/// Checks a leader's snapshot header: the leader is elected, it is not this replica, and the snapshot has no later term
/// than the leader.
pub(super) fn snapshot(vote: &Vote, meta: &SnapshotMeta, me: u64) -> Result<(), Malformed> {
    elected_elsewhere(vote, me)?;
    match meta.last_log_id {
        Some(last) if last.leader_id > vote.leader_id => Err(Malformed(
            "a copy of the books is of a later term than its leader".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Checks a candidate's request: the candidate is not elected yet, and its log has no later term than its vote.
pub(super) fn candidate(request: &VoteRequest<TypeConfig>) -> Result<(), Malformed> {
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
