//! `branchd join`: lets a branch join the bank. The operator may ask any branch of the bank.
//!
//! The asked branch lets the new branch adopt the bank, records the join in the membership and waits for it. Every
//! leader carries a recorded join on, with or without this call. The call may therefore be cut short and repeated at
//! any time.

use bank_ledger::Position;
use tokio::time::Instant;
use uuid::Uuid;

use crate::address::{self, AddressError, BranchAddress};
use crate::branch::{Bank, Branch};
use crate::branch_client::{BranchCallError, BranchSummary, Joined, MembershipChange, adopt, ask_status};
use crate::branch_error::BankUnavailable;
use crate::reconfiguration::plan::{is_joining, predecessor};
use crate::reconfiguration::{MembershipChangeError, PAUSE_MAX, PAUSE_MIN};
use crate::replication::engine::Replica;
use crate::replication::membership::{Seats, Version};

/// Why a branch has not joined, or not completely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error(transparent)]
    Bank(#[from] BankUnavailable),
    #[error("the request names no branch: numbers begin at 1")]
    NoBranch,
    #[error("branch {branch}: {error}")]
    Address { branch: u32, error: AddressError },
    #[error("branch {0} belongs to this bank already: there is nothing to join")]
    AskedToJoinItself(u32),
    /// The request went to the branch that is to join.
    #[error("branch {0} is the branch that is to join: ask a branch of the bank (--to)")]
    AskedJoiner(u32),
    #[error(transparent)]
    Call(#[from] BranchCallError),
    #[error("{} is branch {found}, not branch {}: check the addresses", asked.for_branches(), asked.branch)]
    OtherNumber { asked: BranchAddress, found: u32 },
    #[error("branch {branch} belongs to bank {bank} already: give it an empty data directory")]
    OtherBank { branch: u32, bank: String },
    #[error(transparent)]
    Change(#[from] MembershipChangeError),
    #[error("branch {0} was taken out of the bank, or another one took its place, while it was joining")]
    Removed(u32),
    #[error("branch {0} is joining; this branch does not know yet how far it is: run join again to wait for it")]
    ProgressUnknown(u32),
    #[error(
        "branch {branch} has not caught up yet{far}; it will {part} by itself as soon as it has: `branchd status` shows how far \
         it is, and join, run again, waits for it"
    )]
    NotInTime { branch: u32, far: String, part: String },
    #[error(
        "branch {branch} is a member of the bank now, but has not caught up yet ({reason}): run join again to wait for it"
    )]
    Behind { branch: u32, reason: String },
}

/// Lets a branch join the bank of this branch, and waits until it has caught up.
///
/// # Errors
/// See [`JoinError`]. A join that was recorded goes on by itself.
pub(crate) async fn join(branch: &Branch, joiner: BranchAddress, deadline: Instant) -> Result<Joined, JoinError> {
    let number = joiner.branch;
    if number == 0 {
        return Err(JoinError::NoBranch);
    }
    let bank = match branch.bank() {
        Err(BankUnavailable::None { branch }) if branch == number => return Err(JoinError::AskedJoiner(number)),
        other => other?,
    };
    for address in joiner.all() {
        address::check(address, branch.config.beyond_this_host())
            .map_err(|error| JoinError::Address { branch: number, error })?;
    }
    if number == branch.config.branch && joiner.address == branch.address {
        return Err(JoinError::AskedToJoinItself(number));
    }
    let (new, position) = adopted(branch, bank, &joiner).await?;
    let change = MembershipChange::Enlist {
        new: new.clone(),
        position,
    };
    let recorded = bank.members.ask(&change, deadline).await?;
    let (voter, replaced) = followed(bank, &new, recorded, deadline).await?;
    let position = caught_up(bank, &joiner, &new, deadline).await?;
    tracing::info!(
        branch = number,
        address = joiner.address,
        voter,
        replaced,
        "a branch has joined"
    );
    Ok(Joined {
        bank_id: bank.identity.bank_id,
        voter,
        replaced,
        position,
    })
}

/// Lets the new branch adopt the bank. Returns its replica, and the position that it had applied before.
async fn adopted(branch: &Branch, bank: &Bank, joiner: &BranchAddress) -> Result<(Replica, Position), JoinError> {
    let bank_id = bank.identity.bank_id;
    let summary = ask_status(&branch.peers, joiner).await?;
    check_joiner(bank_id, joiner, &summary)?;
    if summary.bank_id.is_none() {
        // The leader makes this check again. It is made here too, so that a new branch that cannot join stays without a
        // bank.
        let same_number = |member: &&Replica| member.branch == joiner.branch && member.address != joiner.address;
        for member in bank.engine.replicas().iter().filter(same_number) {
            bank.members.refuse_living(member).await?;
        }
    }
    let new = Replica {
        id: adopt(&branch.peers, joiner, bank_id).await?,
        branch: joiner.branch,
        address: joiner.address.clone(),
        peer_address: joiner.peer_address.clone(),
        ..Replica::default()
    };
    Ok((new, summary.position))
}

/// Waits until the recorded join is complete. Returns whether the branch votes, and whether it replaced another branch.
/// A committed membership shows both.
async fn followed(bank: &Bank, new: &Replica, recorded: Version, deadline: Instant) -> Result<(bool, bool), JoinError> {
    let mut pause = PAUSE_MIN;
    loop {
        let seats = bank.engine.committed_seats();
        let last_look = Instant::now() + pause >= deadline;
        match Join::of(&seats, new.id, recorded) {
            Join::Done { voter, replaced } => return Ok((voter, replaced)),
            Join::Gone => return Err(JoinError::Removed(new.branch)),
            Join::UnderWay(joiner) if last_look => return Err(not_in_time(bank, &seats, joiner)),
            Join::NotKnown if last_look => return Err(JoinError::ProgressUnknown(new.branch)),
            Join::UnderWay(_) | Join::NotKnown => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// How far a join is, according to a committed membership.
#[derive(Debug, PartialEq, Eq)]
enum Join<'a> {
    /// The membership is older than the membership that recorded the join.
    NotKnown,
    /// The replica is a member, and its join is not complete.
    UnderWay(&'a Replica),
    /// The replica is not a member any more.
    Gone,
    /// The join is complete. `replaced`: the replica took the place of another one.
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

/// Checks that the branch at the joiner's address is the joiner, and has no other bank.
///
/// # Errors
/// [`JoinError::OtherNumber`] or [`JoinError::OtherBank`].
fn check_joiner(bank_id: Uuid, joiner: &BranchAddress, summary: &BranchSummary) -> Result<(), JoinError> {
    if summary.branch != joiner.branch {
        return Err(JoinError::OtherNumber {
            asked: joiner.clone(),
            found: summary.branch,
        });
    }
    match &summary.bank_id {
        Some(bank) if *bank != bank_id.to_string() => Err(JoinError::OtherBank {
            branch: joiner.branch,
            bank: bank.clone(),
        }),
        _ => Ok(()),
    }
}

fn not_in_time(bank: &Bank, seats: &Seats, joiner: &Replica) -> JoinError {
    let part = match predecessor(seats, joiner) {
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
    let branch = joiner.branch;
    JoinError::NotInTime { branch, far, part }
}

/// Waits until the new branch has applied what this branch has applied. Returns the position of the new branch.
async fn caught_up(
    bank: &Bank,
    joiner: &BranchAddress,
    new: &Replica,
    deadline: Instant,
) -> Result<Position, JoinError> {
    let position = bank.books.position();
    let mut pause = PAUSE_MIN;
    loop {
        let error = match bank.members.await_position(new, position).await {
            Ok(reached) => return Ok(reached),
            Err(error) => error.of(joiner),
        };
        if Instant::now() + pause >= deadline {
            return Err(JoinError::Behind {
                branch: joiner.branch,
                reason: error.to_string(),
            });
        }
        tracing::debug!(branch = joiner.branch, reason = %error, "waiting for the new branch");
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
        let b = BranchAddress {
            branch: 4,
            address: "h:1".to_owned(),
            peer_address: None,
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
            let summary = BranchSummary {
                branch,
                bank_id: Some(bank_id).filter(|id| !id.is_empty()),
                position: 0,
            };
            let error = check_joiner(bank, &b, &summary).err();
            let matches = match (&error, refused) {
                (None, None) => true,
                (Some(error), Some(why)) => error.to_string().contains(why),
                _ => false,
            };
            assert!(matches, "{summary:?}: {error:?}");
        }
    }
}
