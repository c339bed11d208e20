//! What is to be done next about the bank's members, from what is known of them. Pure.
//!
//! Everything is derived from the membership, which is replicated, so a new leader takes up what another one began:
//!
//! 1. A joiner is in the membership and does not vote ([`enlist`]). `replaces` and `to_vote` say what it is to become.
//! 2. It catches up: the leader sends it the log, or the books.
//! 3. It is promoted in the place of the replica that it replaces. Both vote until the exchange of voters is finished
//!    ([`Seats::exchanging`]).
//! 4. The exchange is finished, and the other one is out.

use std::collections::BTreeSet;
use std::fmt;

use crate::replication::engine::Replica;
use crate::replication::membership::{Change, Progress, Seats};

/// The most branches that vote. Each write waits for the disks of a majority; five survive two lost branches.
pub(crate) const VOTERS_MAX: usize = 5;
/// The most branches of a bank: far more than one leader can feed.
pub(crate) const BRANCHES_MAX: usize = 1000;
/// How many entries a joiner may be behind and still count as caught up: under load, entries are always on their way.
const LAG_MAX: u64 = 16;

/// What the leader does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing is to be done until the membership changes.
    Rest,
    /// Something is under way: look again later.
    Wait,
    /// The membership is changed; the text says to what end. Where a joiner takes its part by it, that one must be known
    /// to run.
    Change {
        change: Change,
        joiner: Option<Replica>,
        end: String,
    },
    /// The leader itself is to leave: another one has to lead first.
    HandOver,
}

/// What a wish of an operator leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The membership has it already.
    Done,
    /// A change is under way, which has to be finished first.
    Busy,
    /// The leader itself is to leave: another one has to lead first.
    HandOver,
    /// This change. The replicas of `displaces` must be known not to run any more.
    Change { change: Change, displaces: Vec<Replica> },
}

/// Why a wish is not granted. For the operator.
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
    /// It rests on which branches answer, which a new leader does not know at once.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::NoQuorumLeft { .. })
    }
}

/// Numbers of branches, for a message.
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

/// The replica whose place another one is still to take.
pub(crate) fn predecessor<'a>(seats: &'a Seats, joiner: &Replica) -> Option<&'a Replica> {
    let replaced = joiner.replaces?;
    seats.replicas.iter().find(|replica| replica.id == replaced)
}

/// Something of its join is still to come.
pub(crate) fn is_joining(seats: &Seats, replica: &Replica) -> bool {
    predecessor(seats, replica).is_some() || replica.to_vote && !seats.voters.contains(&replica.id)
}

/// The leader has sent it everything but what is on its way.
pub(crate) fn has_caught_up(progress: &Progress, replica: u64) -> bool {
    let matched = progress.matched.get(&replica);
    matched.is_some_and(|matched| progress.last.saturating_sub(*matched) <= LAG_MAX)
}

/// What the leader, which is the replica `me`, does next. A joiner that does not come on is passed over.
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

/// A branch joins, of which is known the replica, the number, the address and what it had applied.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn enlist(seats: &Seats, new: &Replica, position: u64) -> Result<Plan, Refusal> {
    let others = || {
        let others = seats.replicas.iter();
        others.filter(|replica| replica.branch == new.branch && replica.id != new.id)
    };
    let known = seats.replicas.iter().find(|replica| replica.id == new.id);
    if let Some(known) = known.filter(|known| known.address != new.address || known.branch != new.branch) {
        // Its directory may have been moved: which branch listens where is part of the membership.
        return Err(Refusal::Moved {
            branch: known.branch,
            known: known.address.clone(),
            asked: new.address.clone(),
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

/// A branch that learns is to vote.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn promote(seats: &Seats, branch: u32, progress: &Progress) -> Result<Plan, Refusal> {
    let of_number = of_number(seats, branch)?;
    // Where a branch is being replaced, this is its successor.
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

/// A branch is taken out, by the leader, which is the replica `me`.
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
