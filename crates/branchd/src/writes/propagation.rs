//! Propagation `all` of a write: the reply waits until every branch has applied the write.

use std::time::Duration;

use bank_ledger::Position;
use tokio::time::Instant;

use super::error::WriteError;
use crate::branch_client::MemberClient;
use crate::callers::{Quota, QuotaPermit};
use crate::peers::{Identity, Peers};
use crate::reads::Reads;
use crate::reconfiguration::plan::is_joining;
use crate::replication::engine::{Engine, Replica};
use crate::replication::membership::Seats;

/// How many writes may wait for every branch at once. Each of them has one call in progress to every other branch. The
/// limit is half of the calls that one connection may have in progress, so calls of the engine never wait for these
/// calls.
const PROPAGATING_MAX: u32 = 512;

/// The pause before a branch that gave no answer is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Waits until every branch has applied a write.
pub(crate) struct Propagation {
    identity: Identity,
    engine: Engine,
    reads: Reads,
    others: MemberClient,
    places: Quota,
}

impl Propagation {
    pub(crate) fn new(identity: Identity, engine: Engine, reads: Reads, peers: Peers) -> Self {
        Self {
            identity,
            engine,
            reads,
            others: MemberClient::new(identity, peers),
            places: Quota::new(PROPAGATING_MAX),
        }
    }

    /// Takes a place for a write that waits for every branch. The caller takes it before the write is submitted.
    ///
    /// # Errors
    /// [`WriteError::Propagating`] if all places are taken.
    pub(crate) fn place(&self) -> Result<QuotaPermit, WriteError> {
        self.places.take(1).map_err(|_| WriteError::Propagating {
            branch: self.identity.branch,
            max: PROPAGATING_MAX,
        })
    }

    /// Waits until every branch has applied the position. Returns the branches that have not applied it by the
    /// deadline.
    pub(crate) async fn everywhere(&self, position: Position, deadline: Instant) -> Vec<u32> {
        // First this branch applies everything up to the write. Then it knows every branch that joined before the
        // write.
        let here = self.reads.wait_position(position, deadline).await.is_ok();
        let seats = self.engine.seats();
        let waits = awaited(&seats).map(|replica| async move {
            let applied = if replica.id == self.identity.replica {
                here
            } else {
                self.applied_at(replica, position, deadline).await
            };
            (!applied).then_some(replica.branch)
        });
        futures::future::join_all(waits).await.into_iter().flatten().collect()
    }

    /// Asks a branch again and again until it confirms the position or the deadline passes. A branch that restarts
    /// meanwhile can still confirm it.
    async fn applied_at(&self, replica: &Replica, position: Position, deadline: Instant) -> bool {
        let left = || deadline.saturating_duration_since(Instant::now());
        let confirmed = async {
            while let Err(error) = self.others.await_position(replica, position, left()).await {
                tracing::debug!(branch = replica.branch, position, %error, "not confirmed yet");
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        };
        tokio::time::timeout_at(deadline, confirmed).await.is_ok()
    }
}

/// The replicas that a write waits for. A replica whose join is under way is left out, because its join may never
/// finish.
fn awaited(seats: &Seats) -> impl Iterator<Item = &Replica> {
    seats.replicas.iter().filter(|replica| !is_joining(seats, replica))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_waits_for_every_branch_but_those_that_are_joining() {
        let replica = |id| Replica {
            id,
            branch: u32::try_from(id).expect("small"),
            ..Replica::default()
        };
        let mut seats = Seats {
            replicas: vec![
                replica(1),
                replica(2),
                // It learns for good.
                replica(3),
                // It is to vote, and does not yet.
                Replica {
                    to_vote: true,
                    ..replica(4)
                },
                // It is to take the place of branch 2, which is still there.
                Replica {
                    branch: 2,
                    replaces: Some(2),
                    ..replica(5)
                },
            ],
            voters: [1, 2].into(),
            ..Seats::default()
        };
        let ids = |seats: &Seats| awaited(seats).map(|replica| replica.id).collect::<Vec<_>>();
        assert_eq!(ids(&seats), [1, 2, 3]);
        seats.voters.insert(4);
        seats.replicas.retain(|replica| replica.id != 2);
        assert_eq!(ids(&seats), [1, 3, 4, 5]);
    }
}
