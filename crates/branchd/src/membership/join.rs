//! `branchd join`, at whichever branch is asked: the new branch is looked at and adopted, its join is recorded in the
//! membership, and followed. Any leader carries it on, with or without this call; so it may be cut short at any
//! time, and repeated.

use bank_proto::v1;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use super::branch_calls::{adopt, answered, ask};
use super::verbs::for_operator;
use crate::branch::{Bank, Branch};
use crate::reconfiguration::BRANCH_TIMEOUT;
use crate::reconfiguration::plan::{is_joining, predecessor};
use crate::reconfiguration::{PAUSE_MAX, PAUSE_MIN, Wish};
use crate::replication::engine::Replica;
use crate::replication::membership::{Seats, Version};

/// Makes the branch of the request one of this branch's bank.
///
/// # Errors
/// INVALID_ARGUMENT where the request names no branch; FAILED_PRECONDITION where that one is of another bank or was taken
/// out of this one, or the one it would replace still answers; UNAVAILABLE where it, a leader or a quorum does not answer;
/// DEADLINE_EXCEEDED, saying how far it is, where it has not caught up by the deadline.
pub(crate) async fn join(
    branch: &Branch,
    request: v1::JoinRequest,
    deadline: Instant,
) -> Result<v1::JoinResponse, Status> {
    let bank = branch.bank()?;
    let b = request.branch.unwrap_or_default();
    if b.branch == 0 {
        return Err(Status::invalid_argument(
            "the request names no branch: numbers begin at 1",
        ));
    }
    crate::address::check(&b.address, branch.config.insecure)
        .map_err(|error| Status::failed_precondition(format!("branch {}: {error}", b.branch)))?;
    if b.branch == branch.config.branch && b.address == branch.address {
        return Err(Status::failed_precondition(format!(
            "branch {} is of this bank already: there is nothing to join",
            b.branch
        )));
    }
    let (new, position) = adopted(branch, bank, &b).await?;
    let id = new.id;
    let asked = bank.members.ask(&Wish::Enlist { new, position }, deadline).await;
    let recorded = asked.map_err(for_operator)?;
    let (voter, replaced) = followed(bank, &b, id, recorded, deadline).await?;
    let position = caught_up(branch, bank, &b, id, deadline).await?;
    tracing::info!(
        branch = b.branch,
        address = b.address,
        voter,
        replaced,
        "a branch has joined"
    );
    Ok(v1::JoinResponse {
        bank_id: bank.identity.bank_id.to_string(),
        voter,
        replaced,
        position,
    })
}

/// Looks at the new branch and makes it one of the bank's. Returns it, and what it had applied.
async fn adopted(branch: &Branch, bank: &Bank, b: &v1::BranchAddress) -> Result<(Replica, u64), Status> {
    let bank_id = bank.identity.bank_id;
    let status = ask(branch, b).await?;
    check_joiner(bank_id, b, &status)?;
    if status.bank_id.is_empty() {
        // The leader looks again. A fresh branch is better left without a bank where it cannot join.
        let members = bank.engine.replicas();
        for member in members
            .iter()
            .filter(|m| m.branch == b.branch && m.address != b.address)
        {
            bank.members.refuse_living(member).await?;
        }
    }
    let new = Replica {
        id: adopt(branch, b, bank_id).await?,
        branch: b.branch,
        address: b.address.clone(),
        ..Replica::default()
    };
    Ok((new, status.position))
}

/// Waits until nothing of the join is still to come. Returns whether the branch votes, and whether it took another one's
/// place, by a committed membership.
async fn followed(
    bank: &Bank,
    b: &v1::BranchAddress,
    id: u64,
    recorded: Version,
    deadline: Instant,
) -> Result<(bool, bool), Status> {
    let mut pause = PAUSE_MIN;
    loop {
        let seats = bank.engine.committed_seats();
        let last_look = Instant::now() + pause >= deadline;
        match Join::of(&seats, id, recorded) {
            Join::Done { voter, replaced } => return Ok((voter, replaced)),
            Join::Gone => {
                return Err(Status::failed_precondition(format!(
                    "branch {} was taken out of the bank, or another one took its place, while it was joining",
                    b.branch
                )));
            }
            Join::UnderWay(joiner) if last_look => return Err(not_yet(bank, &seats, joiner)),
            Join::NotKnown if last_look => {
                return Err(Status::deadline_exceeded(format!(
                    "branch {} is joining; this branch does not know yet how far it is: run join again to wait for it",
                    b.branch
                )));
            }
            Join::UnderWay(_) | Join::NotKnown => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// How far a join is, by a committed membership.
#[derive(Debug, PartialEq, Eq)]
enum Join<'a> {
    /// The membership is older than the one that recorded the join.
    NotKnown,
    /// The replica is a member, and something of its join is still to come.
    UnderWay(&'a Replica),
    /// The replica is not a member any more.
    Gone,
    /// The replica is a member for good. `replaced`: it took another one's place.
    Done { voter: bool, replaced: bool },
}

impl<'a> Join<'a> {
    fn of(seats: &'a Seats, id: u64, recorded: Version) -> Self {
        if seats.version < recorded {
            return Self::NotKnown;
        }
        match seats.replicas.iter().find(|replica| replica.id == id) {
            None => Self::Gone,
            Some(joiner) if seats.exchanging || is_joining(seats, joiner) => Self::UnderWay(joiner),
            Some(joiner) => Self::Done {
                voter: joiner.voter,
                replaced: joiner.replaces.is_some(),
            },
        }
    }
}

/// Checks what the branch at the address says of itself.
///
/// # Errors
/// FAILED_PRECONDITION where it is another branch, or of another bank.
fn check_joiner(bank_id: Uuid, b: &v1::BranchAddress, status: &v1::GetStatusResponse) -> Result<(), Status> {
    if status.branch != b.branch {
        return Err(Status::failed_precondition(format!(
            "{} is branch {}, not branch {}: check the addresses",
            b.address, status.branch, b.branch
        )));
    }
    if !status.bank_id.is_empty() && status.bank_id != bank_id.to_string() {
        return Err(Status::failed_precondition(format!(
            "branch {} is of bank {} already: give it an empty data directory",
            b.branch, status.bank_id
        )));
    }
    Ok(())
}

fn not_yet(bank: &Bank, seats: &Seats, joiner: &Replica) -> Status {
    let place = match predecessor(seats, joiner) {
        Some(replaced) => format!("take the place of the one at {}", replaced.address),
        None => "vote".to_owned(),
    };
    let far = match bank.engine.progress(bank.members.window()) {
        Some(progress) => {
            let has = progress.matched.get(&joiner.id).copied().unwrap_or(0);
            format!(" (at entry {has} of {})", progress.last)
        }
        None => String::new(),
    };
    Status::deadline_exceeded(format!(
        "branch {} has not caught up yet{far}; it will {place} by itself as soon as it has: `branchd status` shows how far \
         it is, and join, run again, waits for it",
        joiner.branch
    ))
}

/// Waits until the new branch has applied what is applied here, and returns what it has.
async fn caught_up(
    branch: &Branch,
    bank: &Bank,
    b: &v1::BranchAddress,
    id: u64,
    deadline: Instant,
) -> Result<u64, Status> {
    let position = bank.books.position();
    let mut pause = PAUSE_MIN;
    loop {
        let mut client = branch.peers.client(b.branch, &b.address)?;
        let message = v1::AwaitPositionRequest {
            peer: Some(bank.identity.peer_header(id)),
            position,
        };
        let mut request = tonic::Request::new(message);
        request.set_timeout(BRANCH_TIMEOUT);
        let reached = tokio::time::timeout(BRANCH_TIMEOUT, client.await_position(request)).await;
        match answered(b, BRANCH_TIMEOUT, reached) {
            Ok(reached) => return Ok(reached.position),
            Err(status) if Instant::now() + pause >= deadline => {
                return Err(Status::deadline_exceeded(format!(
                    "branch {} is a member of the bank now, but has not caught up yet ({}): run join again to wait for it",
                    b.branch,
                    status.message()
                )));
            }
            Err(status) => tracing::debug!(
                branch = b.branch,
                reason = status.message(),
                "waiting for the new branch"
            ),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_done_by_a_membership_that_has_recorded_it() {
        let joiner = Replica {
            id: 4,
            branch: 4,
            ..Replica::default()
        };
        let to_vote = Replica {
            to_vote: true,
            ..joiner.clone()
        };
        let votes = Replica {
            voter: true,
            ..to_vote.clone()
        };
        let successor = Replica {
            replaces: Some(1),
            ..joiner.clone()
        };
        let predecessor = Replica {
            id: 1,
            branch: 4,
            ..Replica::default()
        };
        let done = |voter, replaced| Join::Done { voter, replaced };
        let table = [
            (1, vec![joiner.clone()], vec![], false, Join::NotKnown),
            (2, vec![], vec![], false, Join::Gone),
            (2, vec![joiner.clone()], vec![], false, done(false, false)),
            (3, vec![joiner.clone()], vec![], false, done(false, false)),
            (2, vec![to_vote.clone()], vec![], false, Join::UnderWay(&to_vote)),
            (2, vec![votes.clone()], vec![4], true, Join::UnderWay(&votes)),
            (2, vec![votes.clone()], vec![4], false, done(true, false)),
            (
                2,
                vec![predecessor, successor.clone()],
                vec![1],
                false,
                Join::UnderWay(&successor),
            ),
            (2, vec![successor.clone()], vec![], false, done(false, true)),
        ];
        for (version, replicas, voters, exchanging, expected) in table {
            let seats = Seats {
                version: Version::at(version),
                replicas,
                voters: voters.into_iter().collect(),
                exchanging,
                ..Seats::default()
            };
            assert_eq!(Join::of(&seats, 4, Version::at(2)), expected, "{seats:?}");
        }
    }

    #[test]
    fn a_branch_of_another_bank_does_not_join() {
        let bank = Uuid::from_u128(1);
        let b = v1::BranchAddress {
            branch: 4,
            address: "h:1".to_owned(),
        };
        for (branch, bank_id, refused) in [
            (4, String::new(), None),
            (4, bank.to_string(), None),
            (
                4,
                Uuid::from_u128(2).to_string(),
                Some("give it an empty data directory"),
            ),
            (3, String::new(), Some("check the addresses")),
        ] {
            let status = v1::GetStatusResponse {
                branch,
                bank_id,
                ..Default::default()
            };
            let error = check_joiner(bank, &b, &status).err();
            let matches = match (&error, refused) {
                (None, None) => true,
                (Some(error), Some(why)) => error.message().contains(why),
                _ => false,
            };
            assert!(matches, "{status:?}: {error:?}");
        }
    }
}
