//! What a read waits for before it looks into the books: read-your-writes, the reader's way.

use std::time::Duration;

use bank_ledger::Position;
use bank_proto::v1;
use tokio::time::Instant;
use tonic::Status;

use crate::callers::{Full, Held, Share};
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, ProposeError, Replica};
use crate::replication::progress::Progress;

/// How long to wait for news of a leader before it is asked again.
const LEADER_WAIT: Duration = Duration::from_millis(50);

/// How many customers' reads may wait at once. Each costs about 9 KB with its stream, so these cost 70 MB; a branch that is
/// 100 ms behind needs that many for 80,000 reads a second.
const WAITING_MAX: u32 = 8192;
/// How many waits of other branches there may be at once, apart from the customers': eight branches with all the calls that
/// a connection may have under way.
const WAITING_BRANCHES_MAX: u32 = 8192;

/// What the state that answers a read must have applied.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Demand {
    /// At least this many commands.
    pub(crate) min_position: Position,
    /// Every write that was acknowledged before the read began.
    pub(crate) linearizable: bool,
}

impl Demand {
    /// Whether books at this position answer the read, without a word from the leader.
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
    #[error("branch {branch} has confirmed what the read needs, but not applied it in time: try again")]
    Applying { branch: u32 },
    #[error("{max} reads of this connection are waiting at branch {branch}: await their answers, then try again")]
    TooManyOfConnection { branch: u32, max: u32 },
    #[error("{max} reads are waiting at branch {branch}: try again in a moment, or at another branch")]
    TooMany { branch: u32, max: u32 },
}

/// Waits on behalf of reads. Clones share it.
#[derive(Clone)]
pub(crate) struct Reads {
    identity: Identity,
    engine: Engine,
    peers: Peers,
    /// Places of customers' reads that wait.
    customers: Share,
    /// Places of other branches that wait.
    branches: Share,
}

impl Reads {
    pub(crate) fn new(identity: Identity, engine: Engine, peers: Peers) -> Self {
        Self {
            identity,
            engine,
            peers,
            customers: Share::new(WAITING_MAX),
            branches: Share::new(WAITING_BRANCHES_MAX),
        }
    }

    /// Returns once the books answer the demand, with how long that took: nothing, where they did already. `connection`:
    /// how many reads of the customer's connection may wait.
    ///
    /// # Errors
    /// The deadline passed first, and the error says what is missing; or too many reads wait already.
    pub(crate) async fn wait(
        &self,
        demand: Demand,
        connection: &Share,
        deadline: Instant,
    ) -> Result<Duration, ReadError> {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is_not_awaited(demand.min_position) && !demand.linearizable {
            return Ok(Duration::ZERO);
        }
        if demand.is_met_at(self.engine.position().at()) {
            return Ok(Duration::ZERO);
        }
        let place = Share::take_both(connection, &self.customers, 1);
        let _place = place.map_err(|full| self.too_many(full))?;
        let began = Instant::now();
        if demand.linearizable {
            self.wait_linearizable(deadline).await?;
        }
        self.wait_position(demand.min_position, deadline).await?;
        Ok(began.elapsed())
    }

    /// Returns once this branch has applied the position, for another branch. A position that is there already is never
    /// refused: by that question branches find out whether this one is alive.
    ///
    /// # Errors
    /// [`ReadError::Behind`], or too many other branches wait already.
    pub(crate) async fn wait_for_branch(&self, needed: Position, deadline: Instant) -> Result<(), ReadError> {
        if self.engine.position().at() >= needed {
            return Ok(());
        }
        let _place = self.place_for_branch()?;
        self.wait_position(needed, deadline).await
    }

    /// A place for another branch's wait, among those that customers cannot take.
    ///
    /// # Errors
    /// Too many of them wait already.
    pub(crate) fn place_for_branch(&self) -> Result<Held, ReadError> {
        self.branches.take(1).map_err(|full| self.too_many(full))
    }

    /// Returns once this branch has applied the position. The caller has seen to it that not too many wait.
    ///
    /// # Errors
    /// [`ReadError::Behind`].
    pub(crate) async fn wait_position(&self, needed: Position, deadline: Instant) -> Result<(), ReadError> {
        reach(self.identity.branch, self.engine.position(), needed, deadline).await
    }

    fn too_many(&self, full: Full) -> ReadError {
        let branch = self.identity.branch;
        match full {
            Full::Connection(max) => ReadError::TooManyOfConnection { branch, max },
            Full::All(max) => ReadError::TooMany { branch, max },
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
            return Err(ReadError::Unconfirmed { branch, reason });
        };
        match self.engine.await_applied(index, deadline).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReadError::Applying { branch }),
            Err(status) => Err(ReadError::Unconfirmed {
                branch,
                reason: status.message().to_owned(),
            }),
        }
    }

    async fn read_index(&self) -> Result<v1::LogId, ProposeError> {
        if self.engine.is_leader() {
            return self.engine.read_index().await;
        }
        let before = self.engine.leader_id();
        match self.engine.leader() {
            Some(leader) if leader.id != self.identity.replica => {
                tokio::select! {
                    index = self.ask_leader(&leader) => index,
                    // A leader that does not answer may have been replaced.
                    () = self.engine.leader_changed(before, Duration::from_secs(1)) => Err(ProposeError::NotLeader),
                }
            }
            _ => Err(ProposeError::NotLeader),
        }
    }

    async fn ask_leader(&self, leader: &Replica) -> Result<v1::LogId, ProposeError> {
        let failed = |status: Status| ProposeError::Unknown(format!("branch {}: {}", leader.branch, status.message()));
        let mut client = self.peers.client(leader.branch, &leader.address).map_err(failed)?;
        let request = v1::ReadIndexRequest {
            peer: Some(self.identity.peer_header(leader.id)),
        };
        let response = client.read_index(request).await.map_err(failed)?.into_inner();
        response
            .log_id
            .ok_or_else(|| ProposeError::Unknown("the leader's answer is malformed".to_owned()))
    }
}

/// Returns once the position of a branch is as far as needed.
///
/// # Errors
/// [`ReadError::Behind`] at the deadline, with how far it is then.
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
            // What was acknowledged elsewhere is not known here.
            (0, true, 8, false),
        ] {
            let demand = Demand {
                min_position,
                linearizable,
            };
            assert_eq!(demand.is_met_at(at), met, "{demand:?} at {at}");
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
        // A position that is there is found whatever the time.
        assert!(reach(3, &position, 7, over).await.is_ok());
        let later = over + Duration::from_secs(60);
        let (reached, ()) = tokio::join!(reach(3, &position, 8, later), async { position.reach(8) });
        assert!(reached.is_ok());
    }
}
