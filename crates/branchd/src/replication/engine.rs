//! What the rest of the daemon sees of replication.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bank_ledger::{Applied, Command, DigestRule, Position};
use bank_proto::v1;
use bank_wal::Wal;
use futures::FutureExt;
use openraft::error::{ClientWriteError, LinearizableReadError, RaftError};
use openraft::rt::WatchReceiver;
use openraft::{Config, RaftMetrics, ReadPolicy, ServerState, SnapshotPolicy};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use super::convert;
use super::log_store::{KnownTerm, LogStore};
use super::peer_client::NetworkFactory;
use super::state_machine::{AppliedTo, ApplyTimes, StateMachine, entries_up_to};
use super::succession::{self, Succession};
use super::types::{Batch, LogId, Raft, TypeConfig};
use crate::agreement::Agreement;
use crate::config::Timing;
use crate::disk::Space;
use crate::peers::{Identity, Peers};
use crate::replication::progress::Progress;
use crate::stop::Stop;
use crate::store::{BooksFile, Reader};

/// The journal is purged in steps of so many entries, or of a checkpoint where that has fewer.
const ENTRIES_PER_PURGE: u64 = 1024;
/// How many entries go into one append at the most. Each holds a batch of commands.
const APPEND_ENTRIES_MAX: u64 = 64;
/// How long a leader that stops waits for another to lead.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);

/// What an [`Engine`] is opened with.
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) wal: Arc<Wal>,
    pub(crate) books: BooksFile,
    pub(crate) reader: Reader,
    /// Where a copy of the books is put before it is installed.
    pub(crate) scratch: PathBuf,
    pub(crate) timing: Timing,
    /// See [`crate::config::Config`].
    pub(crate) checkpoint_entries: u64,
    pub(crate) peers: Peers,
    /// What to tell where the books fail.
    pub(crate) stop: Stop,
    pub(crate) agreement: Agreement,
    pub(crate) space: Space,
}

/// Why a batch was not answered with outcomes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProposeError {
    /// It was not proposed, and will not be by this call.
    #[error("this branch does not lead")]
    NotLeader,
    /// The batch was not proposed, because the leader's disk is full.
    #[error("the disk of branch {branch}, which leads, is full")]
    DiskFull { branch: u32 },
    /// The batch was not proposed, because too many writes wait at the leader.
    #[error("too many writes are waiting at branch {branch}, which leads")]
    Overloaded { branch: u32 },
    /// It may have been, or may still be, applied.
    #[error("{0}")]
    Unknown(String),
}

/// A branch of the bank, as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Replica {
    pub(crate) id: u64,
    pub(crate) branch: u32,
    pub(crate) address: String,
    pub(crate) voter: bool,
    /// It is to vote as soon as it has caught up. Stays set afterwards.
    pub(crate) to_vote: bool,
    /// The replica that leaves as soon as this one has caught up. Stays set afterwards.
    pub(crate) replaces: Option<u64>,
}

/// How far a branch is, each as a number of entries of the bank's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Its books have applied so many.
    pub(crate) applied: u64,
    /// Its journal has so many.
    pub(crate) logged: u64,
    /// So many are decided, by the leader's last word.
    pub(crate) decided: u64,
}

/// Replication at this branch. Clones share it.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(super) raft: Raft,
    pub(super) applied_to: AppliedTo,
    pub(super) succession: Succession,
    times: ApplyTimes,
    /// When a leader last sent something that was taken, in microseconds of the host's monotonic clock; 0: not yet.
    pub(super) heard_us: Arc<AtomicU64>,
    pub(super) scratch: PathBuf,
    pub(super) bank_id: Uuid,
    pub(super) term: KnownTerm,
    /// Held while a whole copy of the books is taken: one at a time.
    pub(super) receiving: Arc<Mutex<()>>,
    pub(super) space: Space,
}

impl Engine {
    /// Recovers what the journal and the books hold, and takes part from then on.
    ///
    /// # Errors
    /// What was recovered does not fit together, or cannot be read.
    pub(crate) async fn open(parts: Parts) -> io::Result<Self> {
        let config = config(&parts.identity, parts.timing, parts.checkpoint_entries).map_err(io::Error::other)?;
        let succession = Succession::new(parts.identity, parts.timing, parts.peers.clone());
        let state_machine = StateMachine::new(
            parts.books,
            parts.reader,
            parts.scratch.clone(),
            parts.stop,
            parts.agreement,
            succession.pace.clone(),
        )?;
        let (applied_to, times) = (state_machine.applied_to(), state_machine.times());
        let log = LogStore::new(parts.wal);
        let term = log.known_term();
        let network = NetworkFactory::new(parts.identity, parts.peers, term.clone(), succession.full_disks.clone());
        let raft = openraft::Raft::new(parts.identity.replica, Arc::new(config), network, log, state_machine).await;
        let engine = Self {
            raft: raft.map_err(io::Error::other)?,
            applied_to,
            succession,
            times,
            heard_us: Arc::default(),
            scratch: parts.scratch,
            bank_id: parts.identity.bank_id,
            term,
            receiving: Arc::default(),
            space: parts.space,
        };
        succession::watch(engine.clone());
        Ok(engine)
    }

    /// Proposes commands as one journal entry; answers with their outcomes once they are durable on a quorum and applied
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

    /// The disk of this branch has no room for further writes.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.space.is_low()
    }

    /// How many commands have been applied here.
    pub(crate) fn position(&self) -> &Progress {
        &self.applied_to.position
    }

    /// When a position was applied here, in microseconds of the host's monotonic clock; `None`: not known.
    pub(crate) fn applied_us(&self, position: Position) -> Option<u64> {
        self.times.of(position).filter(|at| *at > 0)
    }

    /// The branch that leads, as far as this one knows.
    pub(crate) fn leader(&self) -> Option<Replica> {
        let leader = self.raft.server_metrics().borrow_watched().current_leader?;
        self.replicas().into_iter().find(|replica| replica.id == leader)
    }

    /// This branch leads, or a leader has sent it something within the window.
    pub(crate) fn hears_a_leader(&self, window: Duration) -> bool {
        let heard_us = self.heard_us.load(Ordering::Relaxed);
        let ago_us = crate::clock::monotonic_us().saturating_sub(heard_us);
        self.is_leader() || heard_us > 0 && Duration::from_micros(ago_us) < window
    }

    /// How far this branch is.
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

    /// This branch leads, as far as it knows.
    pub(crate) fn is_leader(&self) -> bool {
        self.raft.is_leader()
    }

    /// The replica that leads, as far as this branch knows.
    pub(crate) fn leader_id(&self) -> Option<u64> {
        self.raft.server_metrics().borrow_watched().current_leader
    }

    /// Waits until this branch knows another replica, or none, to lead than `before`, or the time is over.
    pub(crate) async fn leader_changed(&self, before: Option<u64>, limit: Duration) {
        let mut metrics = self.raft.server_metrics();
        let changed = async {
            while metrics.borrow_watched().current_leader == before {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        // The time being over is an answer too.
        let _ = tokio::time::timeout(limit, changed).await;
    }

    /// Every branch of the bank, by number.
    pub(crate) fn replicas(&self) -> Vec<Replica> {
        self.seats().replicas
    }

    /// This branch's part, and the term.
    pub(crate) fn role(&self) -> (v1::Role, u64) {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let role = match metrics.state {
            ServerState::Leader => v1::Role::Leader,
            ServerState::Follower => v1::Role::Follower,
            ServerState::Candidate => v1::Role::Candidate,
            ServerState::Learner => v1::Role::Learner,
            ServerState::Shutdown => v1::Role::Unspecified,
        };
        (role, metrics.vote.leader_id.term)
    }

    /// From the leader: what a read has to wait for so that it misses no write that was acknowledged before now. A
    /// quorum confirms that this branch leads still; no clock is trusted.
    ///
    /// # Errors
    /// This branch does not lead, or no quorum confirms it.
    pub(crate) async fn read_index(&self) -> Result<v1::LogId, ProposeError> {
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(convert::log_id(linearizer.read_log_id().log_id())),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(_))) => Err(ProposeError::NotLeader),
            // A customer reads these words. The engine's own name replicas.
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(ProposeError::Unknown("no quorum confirms that it leads".to_owned()))
            }
            Err(RaftError::Fatal(_)) => Err(ProposeError::Unknown("its replication has stopped".to_owned())),
        }
    }

    /// Waits until this branch has applied a read index.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where the index is none. `false`: not in time.
    pub(crate) async fn await_applied(&self, index: v1::LogId, deadline: Instant) -> Result<bool, Status> {
        let log_id = convert::log_id_back(index)?;
        // The index alone decides: all that was acknowledged before the read began has it or a lower one, in every log.
        let applied = self.applied_to.entries.wait_for(entries_up_to(Some(log_id)));
        Ok(tokio::time::timeout_at(deadline, applied).await.is_ok())
    }

    /// Resolves, with the reason, when the engine has failed for good: the daemon then has to end.
    pub(crate) async fn failed(&self) -> String {
        let mut metrics = self.raft.server_metrics();
        let mut all = self.raft.metrics();
        loop {
            if let Err(fatal) = &all.borrow_watched().running_state {
                return fatal.to_string();
            }
            let changed = futures::future::select(all.changed().boxed(), metrics.changed().boxed()).await;
            let ended = changed.factor_first().0.is_err();
            if ended {
                return "the replication engine has stopped".to_owned();
            }
        }
    }

    /// Before this branch stops: makes another voter lead, if this one does, and waits until it does or a limit is over.
    pub(crate) async fn hand_over(&self) {
        let next = Self::most_advanced(&self.raft.metrics().borrow_watched(), |_| true);
        if let Some(next) = next {
            self.hand_over_to(next, HAND_OVER_TIMEOUT).await;
        }
    }

    /// Makes a voter lead, and waits until this branch knows another leader, or the time is over (`false`).
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

    /// The number of the branch that is this replica; 0 if it is none of the bank's.
    pub(super) fn branch_of(&self, replica: u64) -> u32 {
        let known = self.replicas().into_iter().find(|known| known.id == replica);
        known.map_or(0, |known| known.branch)
    }

    /// Of a leader's other voters that will do, the one with the most entries.
    pub(super) fn most_advanced(metrics: &RaftMetrics<TypeConfig>, will_do: impl Fn(&u64) -> bool) -> Option<u64> {
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        let matched = metrics.replication.as_ref()?.iter();
        matched
            .filter(|(id, matched)| **id != metrics.id && voters.contains(id) && matched.is_some() && will_do(id))
            .max_by_key(|(_, matched)| matched.as_ref().map(|log_id| log_id.index))
            .map(|(id, _)| *id)
    }

    /// Stops taking part. Nothing acknowledged depends on it.
    pub(crate) async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "the replication engine ended badly");
        }
    }
}

fn config(identity: &Identity, timing: Timing, checkpoint_entries: u64) -> Result<Config, openraft::ConfigError> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Config {
        cluster_name: format!("branch {} of {}", identity.branch, identity.bank_id),
        heartbeat_interval: millis(timing.heartbeat_interval()),
        election_timeout_min: millis(timing.election_timeout),
        election_timeout_max: millis(timing.election_timeout_max()),
        max_payload_entries: APPEND_ENTRIES_MAX,
        max_append_entries: Some(APPEND_ENTRIES_MAX),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(checkpoint_entries),
        max_in_snapshot_log_to_keep: checkpoint_entries,
        purge_batch_size: checkpoint_entries.min(ENTRIES_PER_PURGE),
        // A branch that comes back does not disturb a leader that the others still hear.
        enable_pre_vote: Some(true),
        // Nor does a leader that was restarted lead on without an election.
        enable_leader_restore: Some(false),
        // The followers' disks work while this one's does.
        broadcast_submitted_on_append: Some(true),
        ..Config::default()
    }
    .validate()
}
