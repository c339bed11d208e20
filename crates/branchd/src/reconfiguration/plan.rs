//! Decides the next step of a membership change. Pure: it does no I/O.
//!
//! The membership is replicated and has all that the decision needs, so a new leader continues what an earlier one
//! began. A branch joins in four steps:
//!
//! 1. The joiner is added as a learner ([`enlist`]). Its `replaces` and `to_vote` say what it will become.
//! 2. The joiner catches up: the leader sends it the log or a snapshot.
//! 3. The joiner becomes a voter in the place of the replica that it replaces. While the voters are exchanged
//!    ([`Seats::exchanging`]), decisions need a majority of both the old and the new voters.
//! 4. The exchange ends, and the replaced replica is no longer a member.

use std::collections::BTreeSet;
use std::fmt;

use crate::address::BranchAddress;
use crate::replication::engine::Replica;
use crate::replication::membership::{Change, Progress, Seats};

/// The largest number of voters. Each write waits for the disks of a majority, and five voters survive the loss of two.
pub(crate) const VOTERS_MAX: usize = 5;
/// The largest number of branches of a bank: far more than one leader can send entries to.
pub(crate) const BRANCHES_MAX: usize = 1000;
/// A joiner that is at most this many entries behind counts as caught up. Under load, some entries are always on their
/// way.
const LAG_MAX: u64 = 16;

/// The next step of the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is nothing to do until the membership changes.
    Rest,
    /// A change or a joiner is not ready yet: check again later.
    Wait,
    /// Change the membership; `end` describes the change for the log. If the change makes `joiner` a full member, the
    /// joiner must be known to run.
    Change {
        change: Change,
        joiner: Option<Replica>,
        end: String,
    },
    /// The leader itself leaves the bank: another branch has to lead first.
    HandOver,
}

/// How to make a change that an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The membership already has the change.
    Done,
    /// An earlier change has to be finished first.
    Busy,
    /// The leader itself leaves the bank: another branch has to lead first.
    HandOver,
    /// Make this change. Before that, the leader must make sure that the replicas in `displaces` do not run.
    Change { change: Change, displaces: Vec<Replica> },
}

/// Why a change is refused. The message is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "the bank knows branch {branch} at {known}: start it there, or start it on an empty directory to join at {asked}"
    )]
    Moved { branch: u32, known: String, asked: String },
    #[error("branch {branch} was taken out of this bank: start it on an empty data directory to join again")]
    TakenOut { branch: u32 },
    #[error("the bank has {BRANCHES_MAX} branches already: remove one first")]
    TooManyBranches,
    #[error("the bank has no branch {branch}: it has {known}", known = Numbers(.known))]
    Unknown { branch: u32, known: Vec<u32> },
    #[error("{VOTERS_MAX} branches vote, or are to vote, already ({voters}): remove one of them first", voters = Numbers(.voters))]
    TooManyVoters { voters: Vec<u32> },
    #[error("branch {branch} does not answer the leader at the moment: start it first")]
    Silent { branch: u32 },
    #[error("branch {branch} is the only one that votes: promote another one first")]
    OnlyVoter { branch: u32 },
    #[error(
        "without branch {branch} the voters are {voters}, and {needed} of them have to be there, but only {answering} \
         answer: start {silent}, or remove what is lost first",
        voters = Numbers(.voters), answering = Numbers(.answering), silent = Numbers(.silent)
    )]
    NoQuorumLeft {
        branch: u32,
        voters: Vec<u32>,
        answering: Vec<u32>,
        silent: Vec<u32>,
        needed: usize,
    },
}

impl Refusal {
    /// Whether the change may be allowed later. Some refusals depend on which branches answer, and a new leader does
    /// not know that at once.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::NoQuorumLeft { .. })
    }
}

/// Shows numbers of branches in a message.
struct Numbers<'a>(&'a [u32]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, number) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{number}")?;
        }
        Ok(())
    }
}

/// The replica that the joiner will replace, while it is still a member.
pub(crate) fn predecessor<'a>(seats: &'a Seats, joiner: &Replica) -> Option<&'a Replica> {
    let replaced = joiner.replaces?;
    seats.replicas.iter().find(|replica| replica.id == replaced)
}

/// Whether the join of a replica is incomplete.
pub(crate) fn is_joining(seats: &Seats, replica: &Replica) -> bool {
    predecessor(seats, replica).is_some() || replica.to_vote && !seats.voters.contains(&replica.id)
}

/// Whether a replica has all entries of the leader except the newest few.
pub(crate) fn has_caught_up(progress: &Progress, replica: u64) -> bool {
    let matched = progress.matched.get(&replica);
    matched.is_some_and(|matched| progress.last.saturating_sub(*matched) <= LAG_MAX)
}

/// The next step of the leader, which is the replica `me`. Joiners that are not ready do not hold up others.
pub(crate) fn next_step(seats: &Seats, progress: &Progress, me: u64) -> Step {
    if seats.exchanging {
        return if seats.committed {
            Step::Change {
                change: Change::default(),
                joiner: None,
                end: "an exchange of voters is finished".to_owned(),
            }
        } else {
            Step::Wait
        };
    }
    let joining = || seats.replicas.iter().filter(|replica| is_joining(seats, replica));
    if joining().next().is_none() {
        return Step::Rest;
    }
    let ready = |joiner: &&Replica| progress.answering.contains(&joiner.id) && has_caught_up(progress, joiner.id);
    if !seats.committed {
        return Step::Wait;
    }
    for joiner in joining().filter(ready) {
        let replaced = predecessor(seats, joiner);
        if replaced.is_some_and(|replaced| replaced.id == me) {
            return Step::HandOver;
        }
        let mut voters = seats.voters.clone();
        let place = replaced.is_some_and(|replaced| voters.remove(&replaced.id));
        if joiner.to_vote || place {
            voters.insert(joiner.id);
        }
        if voters.len() > VOTERS_MAX && voters.len() > seats.voters.len() {
            continue;
        }
        let end = match replaced {
            Some(_) => format!("branch {} takes its predecessor's place", joiner.branch),
            None => format!("branch {} votes", joiner.branch),
        };
        let learner = replaced.filter(|replaced| !seats.voters.contains(&replaced.id));
        let change = Change {
            set: Vec::new(),
            remove: learner.map(|learner| learner.id).into_iter().collect(),
            voters: (voters != seats.voters).then_some(voters),
        };
        let joiner = Some(joiner.clone());
        return Step::Change { change, joiner, end };
    }
    Step::Wait
}

/// Plans the join of a replica. `position` is what the replica had applied when it was asked.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn enlist(seats: &Seats, new: &Replica, position: u64) -> Result<Plan, Refusal> {
    let others = || {
        let others = seats.replicas.iter();
        others.filter(|replica| replica.branch == new.branch && replica.id != new.id)
    };
    let known = seats.replicas.iter().find(|replica| replica.id == new.id);
    if let Some(known) = known.map(BranchAddress::from).filter(|known| *known != new.into()) {
        // The data directory may have been moved. The membership still has the old addresses of the branch.
        return Err(Refusal::Moved {
            branch: known.branch,
            known: known.as_given(),
            asked: BranchAddress::from(new).as_given(),
        });
    }
    if known.is_none() && position > 0 {
        return Err(Refusal::TakenOut { branch: new.branch });
    }
    let (unfinished, full): (Vec<&Replica>, Vec<&Replica>) = others().partition(|other| is_joining(seats, other));
    let replaced = full.first();
    let done = match known {
        Some(known) => others().next().is_none() || unfinished.is_empty() && known.replaces == replaced.map(|r| r.id),
        None => false,
    };
    if done {
        return Ok(Plan::Done);
    }
    if seats.exchanging || !seats.committed {
        return Ok(Plan::Busy);
    }
    if known.is_none() && others().next().is_none() && seats.replicas.len() >= BRANCHES_MAX {
        return Err(Refusal::TooManyBranches);
    }
    let inherits = replaced.is_some_and(|replaced| replaced.voter) || unfinished.iter().any(|other| other.to_vote);
    let voter = known.is_some_and(|known| known.voter);
    let joiner = Replica {
        voter: false,
        to_vote: inherits || voter || known.is_some_and(|known| known.to_vote),
        replaces: replaced
            .map(|replaced| replaced.id)
            .or(known.and_then(|known| known.replaces)),
        ..new.clone()
    };
    Ok(Plan::Change {
        change: Change {
            set: vec![joiner],
            remove: unfinished.iter().map(|other| other.id).collect(),
            voters: None,
        },
        displaces: others().cloned().collect(),
    })
}

/// Plans the promotion of a learner to a voter.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn promote(seats: &Seats, branch: u32, progress: &Progress) -> Result<Plan, Refusal> {
    let of_number = of_number(seats, branch)?;
    // If the branch is being replaced, this is the replica that replaces it.
    let Some(stays) = of_number.iter().copied().find(|replica| !is_replaced(seats, replica)) else {
        return Ok(Plan::Busy);
    };
    if stays.to_vote || seats.voters.contains(&stays.id) {
        return Ok(Plan::Done);
    }
    if seats.exchanging || !seats.committed {
        return Ok(Plan::Busy);
    }
    let mut to_vote: Vec<u32> = seats
        .replicas
        .iter()
        .filter(|replica| seats.voters.contains(&replica.id) || is_joining(seats, replica) && replica.to_vote)
        .map(|replica| replica.branch)
        .collect();
    to_vote.dedup();
    if to_vote.len() >= VOTERS_MAX {
        return Err(Refusal::TooManyVoters { voters: to_vote });
    }
    if !progress.answering.contains(&stays.id) {
        return Err(Refusal::Silent { branch });
    }
    let promoted = Replica {
        to_vote: true,
        ..stays.clone()
    };
    Ok(Plan::Change {
        change: Change {
            set: vec![promoted],
            ..Change::default()
        },
        displaces: Vec::new(),
    })
}

/// Plans the removal of a branch by the leader, which is the replica `me`.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn remove(seats: &Seats, branch: u32, progress: &Progress, me: u64) -> Result<Plan, Refusal> {
    let leaving: BTreeSet<u64> = of_number(seats, branch)?.iter().map(|replica| replica.id).collect();
    if seats.exchanging || !seats.committed {
        return Ok(Plan::Busy);
    }
    let left: BTreeSet<u64> = seats.voters.difference(&leaving).copied().collect();
    if left.is_empty() {
        return Err(Refusal::OnlyVoter { branch });
    }
    let votes = left.len() != seats.voters.len();
    let needed = left.len() / 2 + 1;
    let (answering, silent): (Vec<&Replica>, Vec<&Replica>) = seats
        .replicas
        .iter()
        .filter(|replica| left.contains(&replica.id))
        .partition(|replica| progress.answering.contains(&replica.id));
    let numbers = |replicas: &[&Replica]| replicas.iter().map(|replica| replica.branch).collect::<Vec<_>>();
    if votes && answering.len() < needed {
        let (answering, silent) = (numbers(&answering), numbers(&silent));
        let mut voters: Vec<u32> = answering.iter().chain(&silent).copied().collect();
        voters.sort_unstable();
        return Err(Refusal::NoQuorumLeft {
            branch,
            voters,
            answering,
            silent,
            needed,
        });
    }
    if leaving.contains(&me) {
        return Ok(Plan::HandOver);
    }
    Ok(Plan::Change {
        change: Change {
            set: Vec::new(),
            remove: leaving.difference(&seats.voters).copied().collect(),
            voters: votes.then_some(left),
        },
        displaces: Vec::new(),
    })
}

fn of_number(seats: &Seats, branch: u32) -> Result<Vec<&Replica>, Refusal> {
    let found: Vec<&Replica> = seats.replicas.iter().filter(|r| r.branch == branch).collect();
    if found.is_empty() {
        let mut known: Vec<u32> = seats.replicas.iter().map(|r| r.branch).collect();
        known.dedup();
        return Err(Refusal::Unknown { branch, known });
    }
    Ok(found)
}

fn is_replaced(seats: &Seats, replica: &Replica) -> bool {
    seats.replicas.iter().any(|other| other.replaces == Some(replica.id))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
