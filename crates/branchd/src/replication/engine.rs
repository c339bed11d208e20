//! The replication engine as the rest of the daemon sees it: proposals, read indexes, roles and progress.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bank_ledger::{Applied, Command, DigestRule, Position};
use openraft::error::{ClientWriteError, LinearizableReadError, RaftError};
use openraft::rt::WatchReceiver;
use openraft::{RaftMetrics, ReadPolicy};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::applied::{AppliedTo, ApplyTimes};
use super::leaders::{Leader, LeaderRecord};
use super::log_store::KnownTerm;
use super::majority::{self, LastCount, NoMajority};
use super::progress::Progress;
use super::read_index::ReadIndex;
use super::role::Role;
use super::state_machine::StateMachine;
use super::succession::state::Succession;
use super::types::{Batch, LogId, Member, TypeConfig, entries_up_to};
use crate::address::BranchAddress;
use crate::disk::Space;

/// How long a leader that stops waits until another branch leads.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) type Raft = openraft::Raft<TypeConfig, StateMachine>;

/// Why a proposal has no outcomes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProposeError {
    /// The batch was not proposed, because this branch does not lead.
    #[error("this branch does not lead")]
    NotLeader,
    /// The batch was not proposed, because the leader's disk is full.
    #[error("the disk of branch {branch}, which leads, is full")]
    DiskFull { branch: u32 },
    /// The batch was not proposed, because too many writes wait at the leader.
    #[error("too many writes are waiting at branch {branch}, which leads")]
    Overloaded { branch: u32 },
    /// It is not known whether the batch was applied or will be applied.
    #[error("{0}")]
    Unknown(String),
}

/// A member of the bank in the membership that the engine knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Replica {
    pub(crate) id: u64,
    pub(crate) branch: u32,
    /// Where customers reach the branch, `HOST:PORT`.
    pub(crate) address: String,
    /// Where the other branches reach it. `None`: at `address` too.
    pub(crate) peer_address: Option<String>,
    pub(crate) voter: bool,
    /// The member becomes a voter as soon as it has caught up. The flag stays set afterwards.
    pub(crate) to_vote: bool,
    /// The replica that leaves as soon as this member has caught up. The field stays set afterwards.
    pub(crate) replaces: Option<u64>,
}

impl Replica {
    pub(super) fn of(id: u64, member: &Member, voter: bool) -> Self {
        Self {
            id,
            branch: member.branch,
            address: member.address.clone(),
            peer_address: member.peer_address.clone(),
            voter,
            to_vote: member.to_vote,
            replaces: member.replaces,
        }
    }

    /// The address at which the other branches reach the replica.
    pub(crate) fn for_branches(&self) -> &str {
        self.peer_address.as_deref().unwrap_or(&self.address)
    }
}

impl From<&Replica> for BranchAddress {
    fn from(replica: &Replica) -> Self {
        Self {
            branch: replica.branch,
            address: replica.address.clone(),
            peer_address: replica.peer_address.clone(),
        }
    }
}

/// How far this branch is. Each field is a number of log entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Entries that are applied to the ledger database.
    pub(crate) applied: u64,
    /// Entries in the log of this branch.
    pub(crate) logged: u64,
    /// Entries that are committed, as the leader last said.
    pub(crate) decided: u64,
}

/// The replication engine of this branch. Clones share it.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(super) raft: Raft,
    pub(super) applied_to: AppliedTo,
    pub(super) succession: Succession,
    pub(super) times: ApplyTimes,
    pub(super) leaders: LeaderRecord,
    /// When this branch last accepted a message of a leader, in microseconds of the host's monotonic clock. 0: never.
    pub(super) heard_us: Arc<AtomicU64>,
    /// The directory for snapshots that are being received.
    pub(super) scratch: PathBuf,
    pub(super) bank_id: Uuid,
    pub(super) term: KnownTerm,
    /// Held while a snapshot is received, so that this branch receives one at a time.
    pub(super) receiving: Arc<Mutex<()>>,
    pub(super) space: Space,
    pub(super) last_count: LastCount,
}

impl Engine {
    /// Proposes commands as one log entry. Returns their outcomes after the entry is durable on a quorum and applied
    /// here.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub(crate) async fn propose(&self, commands: Arc<[Command]>) -> Result<Vec<Applied>, ProposeError> {
        let batch = Batch {
            rule: DigestRule::NEWEST,
            commands,
        };
        match self.raft.client_write(batch).await {
            Ok(response) => Ok(response.data),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Err(ProposeError::NotLeader),
            Err(error) => Err(ProposeError::Unknown(error.to_string())),
        }
    }

    /// Whether the disk of this branch has no room for further writes.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.space.is_low()
    }

    /// The number of commands that are applied here.
    pub(crate) fn position(&self) -> &Progress {
        &self.applied_to.position
    }

    /// The time at which a position was applied here, in microseconds of the host's monotonic clock. `None`: the time
    /// is not known.
    pub(crate) fn applied_us(&self, position: Position) -> Option<u64> {
        self.times.of(position).filter(|at| *at > 0)
    }

    /// The leaders whose entries this branch has applied since its start or its last snapshot, oldest first.
    pub(crate) fn leaders(&self) -> Vec<Leader> {
        self.leaders.all()
    }

    /// The branch that leads, as far as this branch knows.
    pub(crate) fn leader(&self) -> Option<Replica> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let (id, membership) = (metrics.current_leader?, metrics.membership_config.membership());
        let votes = membership.get_joint_config().iter().any(|set| set.contains(&id));
        Some(Replica::of(id, membership.get_node(&id)?, votes))
    }

    /// The branch that leads, if this branch leads or has accepted a message of a leader within the window. A leader that
    /// has ended is not named for longer.
    pub(crate) fn heard_leader(&self, window: Duration) -> Option<Replica> {
        self.hears_a_leader(window).then(|| self.leader()).flatten()
    }

    /// Whether this branch leads, or has accepted a message of a leader within the window.
    pub(crate) fn hears_a_leader(&self, window: Duration) -> bool {
        self.quiet_for().is_some_and(|quiet| quiet < window)
    }

    /// How long ago this branch last accepted a message of a leader. Zero: this branch leads. `None`: it never did.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        if self.is_leader() {
            return Some(Duration::ZERO);
        }
        let heard_us = self.heard_us.load(Ordering::Relaxed);
        let ago_us = crate::clock::monotonic_us().saturating_sub(heard_us);
        (heard_us > 0).then_some(Duration::from_micros(ago_us))
    }

    /// Records which replicas this branch reaches, itself included, while it hears no leader. During an exchange of
    /// voters, `voters` are the new ones. A write needs a majority of the old ones too, so this may miss that there is
    /// none.
    pub(crate) fn count_reached(&self, branch: u32, voters: &BTreeSet<u64>, reached: &BTreeSet<u64>) {
        self.last_count.set(majority::missing(branch, voters, reached));
    }

    /// Records that a leader is heard. A majority has elected it.
    pub(crate) fn count_not_needed(&self) {
        self.last_count.set(None);
    }

    /// What is known if this branch has no leader because no majority of the voters can be reached. `None`: there is a
    /// leader, an election may be under way, or a majority can be reached.
    pub(crate) fn no_majority(&self) -> Option<NoMajority> {
        self.leaderless()?;
        self.last_count.get()
    }

    /// How far this branch is with the log.
    pub(crate) fn reach(&self) -> Reach {
        let metrics = self.raft.data_metrics();
        let metrics = metrics.borrow_watched();
        let end = |log_id: &Option<LogId>| log_id.map_or(0, |log_id| log_id.index + 1);
        Reach {
            applied: end(&metrics.last_applied),
            logged: end(&metrics.last_log),
            decided: end(&metrics.cluster_committed),
        }
    }

    /// Whether this branch leads, as far as it knows.
    pub(crate) fn is_leader(&self) -> bool {
        self.raft.is_leader()
    }

    /// The replica that leads, as far as this branch knows.
    pub(crate) fn leader_id(&self) -> Option<u64> {
        self.raft.server_metrics().borrow_watched().current_leader
    }

    /// Waits until the leader that this branch knows differs from `before`, or the limit is over.
    pub(crate) async fn leader_changed(&self, before: Option<u64>, limit: Duration) {
        let mut metrics = self.raft.server_metrics();
        let changed = async {
            while metrics.borrow_watched().current_leader == before {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        // A timeout needs no handling: the caller looks at the leader again.
        let _ = tokio::time::timeout(limit, changed).await;
    }

    /// All members of the bank, ordered by branch number.
    pub(crate) fn replicas(&self) -> Vec<Replica> {
        self.seats().replicas
    }

    /// The role of this branch, and the term.
    pub(crate) fn role(&self) -> (Role, u64) {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        (metrics.state.into(), metrics.vote.leader_id.term)
    }

    /// The log id that a read must wait for, so that it sees every write that was acknowledged before now. A quorum
    /// confirms that this branch still leads. No clock is trusted.
    ///
    /// # Errors
    /// This branch does not lead, or no quorum confirms it.
    pub(crate) async fn read_index(&self) -> Result<ReadIndex, ProposeError> {
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(ReadIndex(*linearizer.read_log_id().log_id())),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(_))) => Err(ProposeError::NotLeader),
            // Customers read this message. openraft's own message names replicas.
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ProposeError::Unknown(
                "no majority of the voters confirms that it leads".to_owned(),
            )),
            Err(RaftError::Fatal(_)) => Err(ProposeError::Unknown("its replication has stopped".to_owned())),
        }
    }

    /// Waits until this branch has applied a read index. `false`: the deadline passed first.
    pub(crate) async fn await_applied(&self, index: ReadIndex, deadline: Instant) -> bool {
        // Only the index is compared. In every log, each write that was acknowledged before the read began has this
        // index or a lower one.
        let applied = self.applied_to.entries.wait_for(entries_up_to(Some(index.0)));
        tokio::time::timeout_at(deadline, applied).await.is_ok()
    }

    /// Waits until the engine has failed, and returns the reason. A failure is final, and the daemon must end.
    pub(crate) async fn failed(&self) -> String {
        // These metrics change rarely, and their channel ends with the engine. The engine sends the others in each of
        // its turns, several times for each entry.
        let mut metrics = self.raft.server_metrics();
        while metrics.changed().await.is_ok() {}
        match &self.raft.metrics().borrow_watched().running_state {
            Err(fatal) => fatal.to_string(),
            Ok(()) => "the replication engine has stopped".to_owned(),
        }
    }

    /// Hands the lead to the voter with the longest log, if this branch leads, and waits for a limited time until
    /// another branch leads. Called before this branch stops.
    pub(crate) async fn hand_over(&self) {
        let next = Self::most_advanced(&self.raft.metrics().borrow_watched(), |_| true);
        if let Some(next) = next {
            self.hand_over_to(next, HAND_OVER_TIMEOUT).await;
        }
    }

    /// Hands the lead to a voter, and waits until another branch leads. `false`: no other branch led within the limit.
    pub(super) async fn hand_over_to(&self, next: u64, limit: Duration) -> bool {
        let me = *self.raft.node_id();
        if self.raft.trigger().transfer_leader(next).await.is_err() {
            return false;
        }
        let another = |leader: Option<u64>| leader.is_some_and(|leader| leader != me);
        let led = self
            .raft
            .wait(Some(limit))
            .metrics(|m| another(m.current_leader), "another leader")
            .await;
        match led {
            Ok(_) => tracing::info!("another branch leads now"),
            Err(_) => tracing::warn!("no other branch took the lead within {limit:?}: the others will elect one"),
        }
        led.is_ok()
    }

    /// The branch number of a replica. 0: the replica is not a member of the bank.
    pub(super) fn branch_of(&self, replica: u64) -> u32 {
        let known = self.replicas().into_iter().find(|known| known.id == replica);
        known.map_or(0, |known| known.branch)
    }

    /// The voter with the longest log, among the other voters that `will_do` accepts.
    pub(super) fn most_advanced(metrics: &RaftMetrics<TypeConfig>, will_do: impl Fn(&u64) -> bool) -> Option<u64> {
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        let matched = metrics.replication.as_ref()?.iter();
        matched
            .filter(|(id, matched)| **id != metrics.id && voters.contains(id) && matched.is_some() && will_do(id))
            .max_by_key(|(_, matched)| matched.as_ref().map(|log_id| log_id.index))
            .map(|(id, _)| *id)
    }

    /// Stops the engine. Acknowledged writes are durable before this and do not depend on it.
    pub(crate) async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "the replication engine ended badly");
        }
    }
}
