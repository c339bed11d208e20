//! Waiting reads. A read waits here until the state of this branch is recent enough for it.

use std::time::Duration;

use bank_ledger::Position;
use tokio::time::Instant;

use crate::branch_client::MemberClient;
use crate::callers::{Quota, QuotaExceeded, QuotaPermit};
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, ProposeError};
use crate::replication::majority::NoMajority;
use crate::replication::progress::Progress;
use crate::replication::read_index::ReadIndex;

/// How long to wait for a change of the leader before the leader is asked again.
const LEADER_WAIT: Duration = Duration::from_millis(50);
/// How long the leader may take to answer before this branch looks again which branch leads.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How many reads of customers may wait at once. A waiting read costs up to 9 KB with its stream, so 8,192 of them cost
/// up to 70 MB. A branch that is 100 ms behind needs that many places at 80,000 reads a second.
const WAITING_MAX: u32 = 8192;
/// How many calls of other branches may wait at once. They have places of their own, enough for eight branches with the
/// 1,024 calls that a connection may have under way.
const WAITING_BRANCHES_MAX: u32 = 8192;

/// How recent the state must be that answers a read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReadRequirement {
    /// The state has applied at least this position.
    pub(crate) min_position: Position,
    /// The state has applied every write that was acknowledged before the read began.
    pub(crate) linearizable: bool,
}

impl ReadRequirement {
    /// Whether a state at this position meets the requirement without asking the leader.
    fn is_met_at(self, position: Position) -> bool {
        !self.linearizable && position >= self.min_position
    }
}

/// Why a read could not be served in time.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("branch {branch} is at position {at}, the read needs {needed}: try another branch, or wait longer")]
    Behind {
        branch: u32,
        at: Position,
        needed: Position,
    },
    #[error(
        "branch {branch} could not confirm with a leader that it has every write ({reason}): try again, or at a lower level"
    )]
    Unconfirmed { branch: u32, reason: String },
    /// No majority of the voters can be reached from the branch.
    #[error("{0}, and no strong read: read at a lower level, or start the missing branches")]
    NoMajority(NoMajority),
    #[error("branch {branch} knows the position that the read needs, but did not apply it in time: try again")]
    Applying { branch: u32 },
    #[error("{max} reads of this connection are waiting at branch {branch}: await their answers, then try again")]
    TooManyOfConnection { branch: u32, max: u32 },
    #[error("{max} reads are waiting at branch {branch}: try again in a moment, or at another branch")]
    TooMany { branch: u32, max: u32 },
}

/// Lets reads wait, within bounds. Clones share the bounds.
#[derive(Clone)]
pub(crate) struct Reads {
    identity: Identity,
    engine: Engine,
    members: MemberClient,
    /// Places for waiting reads of customers.
    customers: Quota,
    /// Places for waiting calls of other branches.
    branches: Quota,
}

impl Reads {
    pub(crate) fn new(identity: Identity, engine: Engine, peers: Peers) -> Self {
        Self {
            identity,
            engine,
            members: MemberClient::new(identity, peers),
            customers: Quota::new(WAITING_MAX),
            branches: Quota::new(WAITING_BRANCHES_MAX),
        }
    }

    /// Waits until the state of this branch meets the requirement, and returns how long that took. A read that need not
    /// wait returns zero and takes no place. `connection` has the places of the customer's connection.
    ///
    /// # Errors
    /// The deadline passed first, or too many reads wait already.
    pub(crate) async fn wait(
        &self,
        required: ReadRequirement,
        connection: &Quota,
        deadline: Instant,
    ) -> Result<Duration, ReadError> {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is_not_awaited(required.min_position) && !required.linearizable {
            return Ok(Duration::ZERO);
        }
        if required.is_met_at(self.engine.position().at()) {
            return Ok(Duration::ZERO);
        }
        let place = Quota::take_both(connection, &self.customers, 1);
        let _place = place.map_err(|full| self.too_many(full))?;
        let began = Instant::now();
        if required.linearizable {
            self.wait_linearizable(deadline).await?;
        }
        self.wait_position(required.min_position, deadline).await?;
        Ok(began.elapsed())
    }

    /// Waits, for another branch, until this branch has applied the position. A position that is applied already takes
    /// no place, so the call never fails then: other branches use it to find out whether this branch is alive.
    ///
    /// # Errors
    /// [`ReadError::Behind`], or too many calls of other branches wait already.
    pub(crate) async fn wait_for_branch(&self, needed: Position, deadline: Instant) -> Result<(), ReadError> {
        if self.engine.position().at() >= needed {
            return Ok(());
        }
        let _place = self.place_for_branch()?;
        self.wait_position(needed, deadline).await
    }

    /// Takes a place for a waiting call of another branch. Customers' reads cannot take these places.
    ///
    /// # Errors
    /// Too many calls of other branches wait already.
    pub(crate) fn place_for_branch(&self) -> Result<QuotaPermit, ReadError> {
        self.branches.take(1).map_err(|full| self.too_many(full))
    }

    /// Waits until this branch has applied the position. Takes no place: the caller bounds how many wait.
    ///
    /// # Errors
    /// [`ReadError::Behind`].
    pub(crate) async fn wait_position(&self, needed: Position, deadline: Instant) -> Result<(), ReadError> {
        reach(self.identity.branch, self.engine.position(), needed, deadline).await
    }

    fn too_many(&self, full: QuotaExceeded) -> ReadError {
        let branch = self.identity.branch;
        match full {
            QuotaExceeded::Connection(max) => ReadError::TooManyOfConnection { branch, max },
            QuotaExceeded::All(max) => ReadError::TooMany { branch, max },
        }
    }

    async fn wait_linearizable(&self, deadline: Instant) -> Result<(), ReadError> {
        let branch = self.identity.branch;
        let mut reason = "no leader is known".to_owned();
        let confirmed = async {
            loop {
                let leader = self.engine.leader_id();
                match self.read_index().await {
                    Ok(index) => return Some(index),
                    Err(ProposeError::NotLeader) => {}
                    Err(error) => reason = error.to_string(),
                }
                if let Some(quiet) = self.engine.leaderless() {
                    reason = format!("it has reached no leader for {} ms", quiet.as_millis());
                    return None;
                }
                self.engine.leader_changed(leader, LEADER_WAIT).await;
            }
        };
        let Ok(Some(index)) = tokio::time::timeout_at(deadline, confirmed).await else {
            let unconfirmed = ReadError::Unconfirmed { branch, reason };
            return Err(self.engine.no_majority().map_or(unconfirmed, ReadError::NoMajority));
        };
        if self.engine.await_applied(index, deadline).await {
            Ok(())
        } else {
            Err(ReadError::Applying { branch })
        }
    }

    async fn read_index(&self) -> Result<ReadIndex, ProposeError> {
        if self.engine.is_leader() {
            return self.engine.read_index().await;
        }
        let before = self.engine.leader_id();
        match self.engine.leader() {
            Some(leader) if leader.id != self.identity.replica => {
                tokio::select! {
                    index = self.members.read_index(&leader) => {
                        index.map_err(|error| ProposeError::Unknown(format!("branch {}: {error}", leader.branch)))
                    }
                    // A leader that does not answer may have been replaced.
                    () = self.engine.leader_changed(before, ANSWER_TIMEOUT) => Err(ProposeError::NotLeader),
                }
            }
            _ => Err(ProposeError::NotLeader),
        }
    }
}

/// Waits until a branch has applied a position.
///
/// # Errors
/// [`ReadError::Behind`] at the deadline, with the position that the branch has applied then.
async fn reach(branch: u32, position: &Progress, needed: Position, deadline: Instant) -> Result<(), ReadError> {
    let reached = tokio::time::timeout_at(deadline, position.wait_for(needed)).await;
    reached.map_err(|_| ReadError::Behind {
        branch,
        at: position.at(),
        needed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_waits_for_its_position_and_a_linearizable_one_always() {
        for (min_position, linearizable, at, met) in [
            (0, false, 0, true),
            (7, false, 6, false),
            (7, false, 7, true),
            (7, false, 8, true),
            // This branch does not know what was acknowledged at others.
            (0, true, 8, false),
        ] {
            let required = ReadRequirement {
                min_position,
                linearizable,
            };
            assert_eq!(required.is_met_at(at), met, "{required:?} at {at}");
        }
    }

    #[tokio::test]
    async fn a_read_at_its_deadline_says_how_far_the_branch_is() {
        let position = Progress::new(5);
        let over = Instant::now();
        let behind = reach(3, &position, 7, over).await.expect_err("behind");
        assert!(
            matches!(
                behind,
                ReadError::Behind {
                    branch: 3,
                    at: 5,
                    needed: 7
                }
            ),
            "{behind:?}"
        );
        position.reach(7);
        // A position that is applied already is found even after the deadline.
        assert!(reach(3, &position, 7, over).await.is_ok());
        let later = over + Duration::from_secs(60);
        let (reached, ()) = tokio::join!(reach(3, &position, 8, later), async { position.reach(8) });
        assert!(reached.is_ok());
    }
}
