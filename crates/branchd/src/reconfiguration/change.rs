//! Makes one change of the members: checked and made at the leader, asked for at any branch.

use std::collections::BTreeSet;
use std::time::Duration;

use bank_ledger::Position;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::MembershipChangeError;
use super::plan::{self, Plan, Refusal};
use super::timing::{ANSWER_TIMEOUT, BRANCH_TIMEOUT, CHANGE_TIMEOUT, PAUSE_MAX, PAUSE_MIN, STEP_TIMEOUT};
use crate::branch_client::{CallError, MemberClient, MembershipChange};
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, Replica};
use crate::replication::membership::{ChangeError, Progress, Seats, Version};

/// Changes the members of the bank.
pub(crate) struct Members {
    pub(super) identity: Identity,
    pub(super) engine: Engine,
    others: MemberClient,
    /// A branch that has not answered the leader for this long counts as silent.
    pub(super) window: Duration,
    /// Held while this branch makes a change, so that its changes do not overtake each other.
    pub(super) changing: Mutex<()>,
}

impl Members {
    pub(crate) fn new(identity: Identity, engine: Engine, peers: Peers, window: Duration) -> Self {
        Self {
            identity,
            engine,
            others: MemberClient::new(identity, peers),
            window,
            changing: Mutex::new(()),
        }
    }

    /// A branch that has not answered the leader for this long counts as silent.
    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// Stops this branch from changing the members while the guard is held.
    #[cfg(test)]
    pub(crate) async fn hold_changes(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Asks the leader to make or record a change, and asks again until the deadline. This branch may be the leader
    /// itself. Returns the committed membership that has the change.
    ///
    /// # Errors
    /// The change is not allowed, or no leader made it by the deadline.
    pub(crate) async fn ask(
        &self,
        change: &MembershipChange,
        deadline: Instant,
    ) -> Result<Version, MembershipChangeError> {
        let mut pause = PAUSE_MIN;
        loop {
            let error = match self.ask_once(change, deadline).await {
                Ok(version) => return Ok(version),
                Err(error) => error,
            };
            if !error.may_pass() {
                return Err(error);
            }
            if Instant::now() + pause >= deadline {
                return Err(MembershipChangeError::NotInTime(error.to_string()));
            }
            tracing::debug!(reason = %error, "the leader is asked again to change the members");
            self.engine.leader_changed(self.engine.leader_id(), pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn ask_once(&self, change: &MembershipChange, deadline: Instant) -> Result<Version, MembershipChangeError> {
        if self.engine.is_leader() {
            return self.change(change).await;
        }
        let leader = self.engine.leader().filter(|leader| leader.id != self.identity.replica);
        let leader = leader.ok_or(MembershipChangeError::NoLeader)?;
        let limit = deadline
            .saturating_duration_since(Instant::now())
            .min(CHANGE_TIMEOUT * 2);
        let changed = tokio::select! {
            changed = self.others.change_members(&leader, change, limit) => changed,
            // A leader that does not answer may have been replaced.
            () = self.engine.leader_changed(Some(leader.id), limit) => return Err(MembershipChangeError::LeaderChanged),
        };
        changed.map_err(|error| match error {
            CallError::TimedOut(_) => MembershipChangeError::LeaderSilent,
            error => MembershipChangeError::AtLeader { error },
        })
    }

    /// Makes or records a change at this branch, which has to lead. Returns the committed membership that has the
    /// change.
    ///
    /// # Errors
    /// The change is not allowed; or this branch does not lead, hands over, or has to finish another change first.
    pub(crate) async fn change(&self, asked: &MembershipChange) -> Result<Version, MembershipChangeError> {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        let mut proposed = false;
        loop {
            let seats = self.engine.seats();
            let Some(mut progress) = self.engine.progress(self.window) else {
                return Err(MembershipChangeError::NotLeader);
            };
            if !matches!(asked, MembershipChange::Enlist { .. }) {
                progress.answering = self.answering_now(&seats, &progress, asked).await;
            }
            let plan = match asked {
                MembershipChange::Enlist { new, position } => plan::enlist(&seats, new, *position),
                MembershipChange::Promote { branch } => plan::promote(&seats, *branch, &progress),
                MembershipChange::Remove { branch } => plan::remove(&seats, *branch, &progress, self.identity.replica),
            };
            match plan {
                Ok(Plan::Done) if seats.committed => return Ok(seats.version),
                Ok(Plan::Done | Plan::Busy) => {}
                Ok(Plan::HandOver) => {
                    tracing::info!("this branch leaves the bank: it hands the lead over first");
                    self.engine.hand_over().await;
                    return Err(MembershipChangeError::HandingOver);
                }
                Ok(Plan::Change { change, displaces }) => {
                    for displaced in &displaces {
                        self.refuse_living(displaced).await?;
                    }
                    let turn = self.changing.lock().await;
                    let changed = self.engine.change(&seats, change, STEP_TIMEOUT).await;
                    drop(turn);
                    match changed {
                        Ok(()) => {
                            tracing::info!(change = ?asked, "the members of the bank have changed");
                            return Ok(self.engine.committed_seats().version);
                        }
                        Err(ChangeError::Overtaken) => {}
                        Err(error) => {
                            // The engine's message names replicas, which mean nothing to an operator.
                            tracing::warn!(%error, "a change of the members was not confirmed");
                            return Err(MembershipChangeError::NotConfirmed);
                        }
                    }
                    proposed = true;
                }
                // The branch was a member and is no longer one: another call has finished the removal.
                Err(Refusal::Unknown { .. }) if proposed => return Ok(seats.version),
                Err(refusal) if refusal.may_pass() && began.elapsed() < self.window => {}
                Err(refusal) => return Err(refusal.into()),
            }
            if began.elapsed() >= CHANGE_TIMEOUT {
                return Err(MembershipChangeError::Busy);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Asks some replicas whether they answer now, and returns those that do. It asks the replicas on which the change
    /// depends and which acknowledged something lately. If one of them has just died, an exchange of voters might never
    /// commit, and then no later entry commits either.
    async fn answering_now(&self, seats: &Seats, progress: &Progress, change: &MembershipChange) -> BTreeSet<u64> {
        let me = self.identity.replica;
        let matters = |replica: &&Replica| {
            let named = *change == MembershipChange::Promote { branch: replica.branch };
            progress.answering.contains(&replica.id) && (replica.voter || named)
        };
        let asked = seats.replicas.iter().filter(matters).map(|replica| async move {
            let answers = replica.id == me || self.is_reached(replica, ANSWER_TIMEOUT).await;
            answers.then_some(replica.id)
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// Checks that a replica does not answer. If it still ran after another took its place, two processes would answer
    /// for one branch number.
    ///
    /// # Errors
    /// [`MembershipChangeError::StillAnswers`].
    pub(crate) async fn refuse_living(&self, displaced: &Replica) -> Result<(), MembershipChangeError> {
        if !self.is_reached(displaced, BRANCH_TIMEOUT).await {
            return Ok(());
        }
        Err(MembershipChangeError::StillAnswers {
            branch: displaced.branch,
            address: displaced.address.clone(),
        })
    }

    /// Waits until another replica has applied a position, and returns the position that it has applied then.
    pub(crate) async fn await_position(&self, replica: &Replica, position: Position) -> Result<Position, CallError> {
        self.others.await_position(replica, position, BRANCH_TIMEOUT).await
    }

    /// Whether a replica answers at the address that the bank has for it.
    pub(super) async fn is_reached(&self, replica: &Replica, limit: Duration) -> bool {
        self.others.await_position(replica, 0, limit).await.is_ok()
    }
}
