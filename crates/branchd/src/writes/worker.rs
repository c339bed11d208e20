//! The tasks that carry batches to the leader, one for each slot of the write queue.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bank_ledger::{Applied, Command};
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::forward::forward;
use super::queue::{ATTEMPT_TIMEOUT, Event, Lead, Next, Route};
use super::shared::Shared;
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, ProposeError, Replica};

/// The task that owns one slot.
pub(super) struct Worker {
    pub(super) slot: usize,
    pub(super) identity: Identity,
    pub(super) engine: Engine,
    pub(super) peers: Peers,
    pub(super) shared: Arc<Shared>,
    pub(super) stopping: CancellationToken,
}

/// The leader, as this branch knew it when it looked.
struct Known {
    lead: Lead,
    /// The replica that leads. It may be this replica.
    id: Option<u64>,
    /// The branch that leads, if it is another branch.
    elsewhere: Option<Replica>,
}

impl Worker {
    /// Carries batches until the branch stops.
    pub(super) async fn run(self) {
        let mut known = self.leader();
        let mut next = self.shared.report(self.slot, Event::Ready(known.lead));
        // Whether the queue knows that the branch is stopping.
        let mut told = false;
        loop {
            let stopped = match next {
                Next::End => return,
                Next::Attempt { commands, route, until } => {
                    next = self.attempt(&known, &commands, route, until, &mut told).await;
                    continue;
                }
                Next::Take | Next::Continue { .. } => false,
                Next::Rest => tokio::select! {
                    () = self.shared.called() => false,
                    () = self.stopping.cancelled() => true,
                },
                Next::AwaitLeader { until } => tokio::select! {
                    () = self.engine.leader_changed(known.id, left(until)) => false,
                    () = self.stopping.cancelled(), if !told => true,
                },
            };
            told |= stopped;
            next = if stopped {
                self.shared.report(self.slot, Event::Stopping)
            } else {
                known = self.leader();
                self.shared.report(self.slot, Event::Ready(known.lead))
            };
        }
    }

    /// Makes one attempt. Returns what the task does next.
    async fn attempt(
        &self,
        known: &Known,
        commands: &Arc<[Command]>,
        route: Route,
        mut until: Instant,
        told: &mut bool,
    ) -> Next {
        // A panic ends only the attempt, not the task that owns the slot.
        let decided = AssertUnwindSafe(self.decided(known, commands, route)).catch_unwind();
        let mut decided = std::pin::pin!(decided);
        loop {
            let event = tokio::select! {
                result = &mut decided => Event::Ended(result.unwrap_or_else(|_| {
                    Err(ProposeError::Unknown("the attempt ended in a panic".to_owned()))
                })),
                // If the leader changes, the next attempt at the new leader does not wait for the old leader's answer.
                () = self.engine.leader_changed(known.id, left(until)) => {
                    if self.engine.leader_id() == known.id { Event::TimedOut } else { Event::LeaderChanged }
                }
                () = self.stopping.cancelled(), if !*told => {
                    *told = true;
                    Event::Stopping
                }
            };
            if !matches!(event, Event::Ended(Ok(_)) | Event::Stopping) {
                tracing::debug!(
                    ?event,
                    writes = commands.len(),
                    "an attempt at the leader is not over, or failed"
                );
            }
            match self.shared.report(self.slot, event) {
                Next::Continue { until: later } => until = later,
                next => return next,
            }
        }
    }

    /// Sends a batch to the leader, and returns the outcomes.
    async fn decided(
        &self,
        known: &Known,
        commands: &Arc<[Command]>,
        route: Route,
    ) -> Result<Vec<Applied>, ProposeError> {
        let outcomes = match (route, &known.elsewhere) {
            (Route::Propose, _) => self.engine.propose(Arc::clone(commands)).await?,
            (Route::Forward, Some(leader)) => {
                forward(&self.peers, self.identity, leader, commands, ATTEMPT_TIMEOUT).await?
            }
            (Route::Forward, None) => return Err(ProposeError::NotLeader),
        };
        if outcomes.len() != commands.len() {
            let (sent, answered) = (commands.len(), outcomes.len());
            tracing::error!(sent, answered, "a batch came back with another length");
        }
        Ok(outcomes)
    }

    /// What this branch knows about the leader now.
    fn leader(&self) -> Known {
        if self.engine.leaderless().is_some() {
            let lead = self.engine.no_majority().map_or(Lead::Absent, Lead::NoMajority);
            let (id, elsewhere) = (None, None);
            return Known { lead, id, elsewhere };
        }
        let id = self.engine.leader_id();
        let elsewhere = || self.engine.leader().filter(|leader| leader.id != self.identity.replica);
        let (lead, elsewhere) = if self.engine.is_leader() {
            (self.own_lead(), None)
        } else if let Some(leader) = elsewhere() {
            (Lead::Elsewhere, Some(leader))
        } else {
            (Lead::Unknown, None)
        };
        Known { lead, id, elsewhere }
    }

    /// Whether this branch takes writes as the leader.
    fn own_lead(&self) -> Lead {
        if !self.engine.is_disk_full() {
            Lead::Here
        } else if self.engine.hands_over_for_space() {
            Lead::Unknown
        } else {
            Lead::DiskFull
        }
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
