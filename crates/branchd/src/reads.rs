//! What a read waits for before it looks into the books: read-your-writes, the reader's way.

use std::time::Duration;

use bank_ledger::Position;
use bank_proto::v1;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;

use crate::peer::{Identity, Peers};
use crate::raft::engine::{Engine, ProposeError, Replica};

/// How long to wait for news of a leader before it is asked again.
const LEADER_WAIT: Duration = Duration::from_millis(50);

/// What the state that answers a read must have applied.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Demand {
    /// At least this many commands.
    pub(crate) min_position: Position,
    /// Every write that was acknowledged before the read began.
    pub(crate) linearizable: bool,
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
}

/// Waits on behalf of reads. Clones share it.
#[derive(Clone)]
pub(crate) struct Reads {
    identity: Identity,
    engine: Engine,
    peers: Peers,
    position: watch::Receiver<Position>,
}

impl Reads {
    pub(crate) fn new(identity: Identity, engine: Engine, peers: Peers) -> Self {
        let position = engine.watch_position();
        Self {
            identity,
            engine,
            peers,
            position,
        }
    }

    /// Returns once the books answer the demand, with how long that took: nothing, where they did already.
    ///
    /// # Errors
    /// The deadline passed first; the error says what is missing.
    pub(crate) async fn wait(&self, demand: Demand, deadline: Instant) -> Result<Duration, ReadError> {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is_not_awaited(demand.min_position) && !demand.linearizable {
            return Ok(Duration::ZERO);
        }
        if !demand.linearizable && *self.position.borrow() >= demand.min_position {
            return Ok(Duration::ZERO);
        }
        let began = Instant::now();
        if demand.linearizable {
            self.wait_linearizable(deadline).await?;
        }
        self.wait_position(demand.min_position, deadline).await?;
        Ok(began.elapsed())
    }

    /// Returns once this branch has applied the position.
    ///
    /// # Errors
    /// [`ReadError::Behind`].
    pub(crate) async fn wait_position(&self, needed: Position, deadline: Instant) -> Result<(), ReadError> {
        let mut position = self.position.clone();
        let reached = tokio::time::timeout_at(deadline, position.wait_for(|at| *at >= needed)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let at = *self.position.borrow();
                Err(ReadError::Behind {
                    branch: self.identity.branch,
                    at,
                    needed,
                })
            }
        }
    }

    async fn wait_linearizable(&self, deadline: Instant) -> Result<(), ReadError> {
        let branch = self.identity.branch;
        let mut reason = "no leader is known".to_owned();
        let confirmed = async {
            loop {
                match self.read_index().await {
                    Ok(index) => return index,
                    Err(ProposeError::NotLeader) => {}
                    Err(error) => reason = error.to_string(),
                }
                self.engine.leader_changed(LEADER_WAIT).await;
            }
        };
        let confirmed = tokio::time::timeout_at(deadline, confirmed).await;
        let Ok(index) = confirmed else {
            return Err(ReadError::Unconfirmed { branch, reason });
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match self.engine.await_applied(Some(index), left).await {
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
        match self.engine.leader() {
            Some(leader) if leader.id != self.identity.replica => {
                tokio::select! {
                    index = self.ask_leader(&leader) => index,
                    // A leader that does not answer may have been replaced.
                    () = self.engine.leader_changed(Duration::from_secs(1)) => Err(ProposeError::NotLeader),
                }
            }
            _ => Err(ProposeError::NotLeader),
        }
    }

    async fn ask_leader(&self, leader: &Replica) -> Result<v1::LogId, ProposeError> {
        let failed = |status: Status| ProposeError::Unknown(format!("branch {}: {}", leader.branch, status.message()));
        let mut client = self.peers.client(leader.branch, &leader.address).map_err(failed)?;
        let request = v1::ReadIndexRequest {
            peer: Some(self.identity.greet(leader.id)),
        };
        let response = client.read_index(request).await.map_err(failed)?.into_inner();
        response
            .log_id
            .ok_or_else(|| ProposeError::Unknown("the leader's answer is malformed".to_owned()))
    }
}
