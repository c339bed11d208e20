//! A change of the members that an operator wishes: checked and made at the leader, asked for at any branch.

use std::collections::BTreeSet;
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::change_members_request::{Change as WireChange, Enlist};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::plan::{self, Plan, Refusal};
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, Replica};
use crate::replication::membership::{ChangeError, Progress, Seats, Version};

/// How long one branch may take to answer.
pub(crate) const BRANCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one change may take until a quorum has it.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the leader tries to make a change that has to wait for another one.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a branch that has answered lately may take to answer again.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two tries. A change that is under way takes a few milliseconds where the branches are near, and a second or
/// more where they are far.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(10);
pub(crate) const PAUSE_MAX: Duration = Duration::from_millis(500);

/// What an operator wants to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A branch joins, which had applied so much when it was asked.
    Enlist { new: Replica, position: u64 },
    /// A branch that learns is to vote.
    Promote { branch: u32 },
    /// A branch is taken out.
    Remove { branch: u32 },
}

impl Wish {
    fn to_wire(&self) -> WireChange {
        match self {
            Self::Enlist { new, position } => WireChange::Enlist(Enlist {
                branch: new.branch,
                address: new.address.clone(),
                replica: new.id,
                position: *position,
            }),
            Self::Promote { branch } => WireChange::Promote(*branch),
            Self::Remove { branch } => WireChange::Remove(*branch),
        }
    }

    /// # Errors
    /// INVALID_ARGUMENT where the message names no change, or no address.
    pub(crate) fn from_wire(change: Option<WireChange>) -> Result<Self, Status> {
        match change {
            Some(WireChange::Enlist(enlist)) if enlist.branch > 0 => {
                // Whether it may be spoken to in the clear, the branch that was asked has checked.
                crate::address::check(&enlist.address, true)
                    .map_err(|error| Status::invalid_argument(format!("malformed message: {error}")))?;
                Ok(Self::Enlist {
                    new: Replica {
                        id: enlist.replica,
                        branch: enlist.branch,
                        address: enlist.address,
                        ..Replica::default()
                    },
                    position: enlist.position,
                })
            }
            Some(WireChange::Promote(branch)) => Ok(Self::Promote { branch }),
            Some(WireChange::Remove(branch)) => Ok(Self::Remove { branch }),
            _ => Err(Status::invalid_argument("malformed message: no change of the members")),
        }
    }

    fn plan(&self, seats: &Seats, progress: &Progress, me: u64) -> Result<Plan, Refusal> {
        match self {
            Self::Enlist { new, position } => plan::enlist(seats, new, *position),
            Self::Promote { branch } => plan::promote(seats, *branch, progress),
            Self::Remove { branch } => plan::remove(seats, *branch, progress, me),
        }
    }
}

/// The members of the bank, for those who change them.
pub(crate) struct Members {
    pub(super) identity: Identity,
    pub(super) engine: Engine,
    pub(super) peers: Peers,
    /// A branch that has not answered the leader for this long counts as silent.
    pub(super) window: Duration,
    /// Held while a change is made, so that this branch's own changes do not overtake each other.
    pub(super) changing: Mutex<()>,
}

impl Members {
    pub(crate) fn new(identity: Identity, engine: Engine, peers: Peers, window: Duration) -> Self {
        Self {
            identity,
            engine,
            peers,
            window,
            changing: Mutex::new(()),
        }
    }

    /// A branch that has not answered the leader for this long counts as silent.
    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// Keeps this branch from changing the members while the guard is held.
    #[cfg(test)]
    pub(crate) async fn hold_changes(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Has a wish fulfilled or recorded at the leader, whichever branch that is. Returns the membership that has it.
    ///
    /// # Errors
    /// FAILED_PRECONDITION with the reason where it may not be, NOT_FOUND where there is no such branch; UNAVAILABLE where
    /// no leader took it by the deadline.
    pub(crate) async fn ask(&self, wish: &Wish, deadline: Instant) -> Result<Version, Status> {
        let mut pause = PAUSE_MIN;
        loop {
            let status = match self.ask_once(wish, deadline).await {
                Ok(version) => return Ok(version),
                Err(status) => status,
            };
            let may_pass = matches!(
                status.code(),
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown
            );
            if !may_pass {
                return Err(status);
            }
            if Instant::now() + pause >= deadline {
                return Err(Status::unavailable(status.message()));
            }
            tracing::debug!(
                reason = status.message(),
                "the leader is asked again to change the members"
            );
            self.engine.leader_changed(self.engine.leader_id(), pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn ask_once(&self, wish: &Wish, deadline: Instant) -> Result<Version, Status> {
        if self.engine.is_leader() {
            return self.change(wish).await;
        }
        let leader = self.engine.leader().filter(|leader| leader.id != self.identity.replica);
        let Some(leader) = leader else {
            return Err(Status::unavailable(
                "no leader is known: a majority of the voters has to be there; try again",
            ));
        };
        let mut client = self.peers.client(leader.branch, &leader.address)?;
        let mut request = tonic::Request::new(v1::ChangeMembersRequest {
            peer: Some(self.identity.peer_header(leader.id)),
            change: Some(wish.to_wire()),
        });
        let limit = deadline
            .saturating_duration_since(Instant::now())
            .min(CHANGE_TIMEOUT * 2);
        request.set_timeout(limit);
        let changed = tokio::select! {
            changed = tokio::time::timeout(limit, client.change_members(request)) => changed,
            // A leader that does not answer may have been replaced.
            () = self.engine.leader_changed(Some(leader.id), limit) => return Err(Status::unavailable("the leader has changed: try again")),
        };
        let changed = changed.map_err(|_| Status::unavailable("the leader did not answer: try again"))?;
        let version = Version::try_from(changed?.into_inner().membership);
        version.map_err(|error| Status::internal(format!("branch {}: {error}", leader.branch)))
    }

    /// Fulfils or records a wish at this branch, which has to lead. Returns the committed membership that has it.
    ///
    /// # Errors
    /// As [`Self::ask`]; UNAVAILABLE where this branch does not lead, hands over, or has to finish another change first.
    pub(crate) async fn change(&self, wish: &Wish) -> Result<Version, Status> {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        let mut proposed = false;
        loop {
            let seats = self.engine.seats();
            let Some(mut progress) = self.engine.progress(self.window) else {
                return Err(Status::unavailable("this branch does not lead: try again"));
            };
            if !matches!(wish, Wish::Enlist { .. }) {
                progress.answering = self.answering_now(&seats, &progress, wish).await;
            }
            match wish.plan(&seats, &progress, self.identity.replica) {
                Ok(Plan::Done) if seats.committed => return Ok(seats.version),
                Ok(Plan::Done | Plan::Busy) => {}
                Ok(Plan::HandOver) => {
                    tracing::info!("this branch is to leave the bank: it hands the lead over first");
                    self.engine.hand_over().await;
                    return Err(Status::unavailable("the leader is handing over: try again"));
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
                            tracing::info!(?wish, "the members of the bank have changed");
                            return Ok(self.engine.committed_seats().version);
                        }
                        Err(ChangeError::Overtaken) => {}
                        Err(error) => {
                            // The engine's words name replicas. They are for the log.
                            tracing::warn!(%error, "a change of the members was not confirmed");
                            let why = "no quorum has confirmed the change of the members yet: try again";
                            return Err(Status::unavailable(why));
                        }
                    }
                    proposed = true;
                }
                // It was there, and is gone: the change has been finished by another hand.
                Err(Refusal::Unknown { .. }) if proposed => return Ok(seats.version),
                Err(refusal) if refusal.may_pass() && began.elapsed() < self.window => {}
                Err(refusal @ Refusal::Unknown { .. }) => return Err(Status::not_found(refusal.to_string())),
                Err(refusal) => return Err(Status::failed_precondition(refusal.to_string())),
            }
            if began.elapsed() >= CHANGE_TIMEOUT {
                return Err(Status::unavailable(
                    "another change of the members is under way: try again",
                ));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Of the replicas that have acknowledged something lately, and that the wish rests on, those that answer at this moment.
    /// With one that has just died, an exchange of voters might never be decided, and nothing after it.
    async fn answering_now(&self, seats: &Seats, progress: &Progress, wish: &Wish) -> BTreeSet<u64> {
        let me = self.identity.replica;
        let matters = |replica: &&Replica| {
            let named = *wish == Wish::Promote { branch: replica.branch };
            progress.answering.contains(&replica.id) && (replica.voter || named)
        };
        let asked = seats.replicas.iter().filter(matters).map(|replica| async move {
            let answers = replica.id == me || self.is_reached(replica, ANSWER_TIMEOUT).await;
            answers.then_some(replica.id)
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// A branch that only looks lost must not be replaced: two processes would answer for one number.
    pub(crate) async fn refuse_living(&self, displaced: &Replica) -> Result<(), Status> {
        if !self.is_reached(displaced, BRANCH_TIMEOUT).await {
            return Ok(());
        }
        Err(Status::failed_precondition(format!(
            "branch {} still answers at {}: stop it before another takes its place",
            displaced.branch, displaced.address
        )))
    }

    /// Whether a replica answers where the bank knows it.
    pub(super) async fn is_reached(&self, replica: &Replica, limit: Duration) -> bool {
        let asked = async {
            let mut client = self.peers.client(replica.branch, &replica.address)?;
            let message = v1::AwaitPositionRequest {
                peer: Some(self.identity.peer_header(replica.id)),
                position: 0,
            };
            client.await_position(message).await
        };
        matches!(tokio::time::timeout(limit, asked).await, Ok(Ok(_)))
    }
}
