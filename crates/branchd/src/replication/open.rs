//! Starts the replication engine from its parts.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bank_wal::Wal;
use openraft::{Config, SnapshotPolicy};

use super::engine::Engine;
use super::log_store::LogStore;
use super::majority::LastCount;
use super::peer_client::NetworkFactory;
use super::state_machine::StateMachine;
use super::succession::state::Succession;
use super::succession::watcher;
use crate::agreement::Agreement;
use crate::config::Timing;
use crate::disk::Space;
use crate::peers::{Identity, Peers};
use crate::stop::Stop;
use crate::store::{BooksFile, Reader};

/// The log is purged in steps of this many entries, or of one checkpoint if a checkpoint has fewer entries.
const ENTRIES_PER_PURGE: u64 = 1024;
/// The most entries in one append message. Each entry holds a batch of commands.
const APPEND_ENTRIES_MAX: u64 = 64;

/// The parts that an [`Engine`] is made of.
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) wal: Arc<Wal>,
    pub(crate) books: BooksFile,
    pub(crate) reader: Reader,
    /// The directory for snapshots that are being received.
    pub(crate) scratch: PathBuf,
    pub(crate) timing: Timing,
    /// The number of log entries between two checkpoints. See [`crate::config::Config`].
    pub(crate) checkpoint_entries: u64,
    pub(crate) peers: Peers,
    /// Learns of a failure of the ledger database.
    pub(crate) stop: Stop,
    pub(crate) agreement: Agreement,
    pub(crate) space: Space,
}

impl Engine {
    /// Starts the engine from what the write-ahead log and the ledger database hold.
    ///
    /// # Errors
    /// The two cannot be read, or do not fit together.
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
        let (applied_to, times, leaders) = (
            state_machine.applied_to(),
            state_machine.times(),
            state_machine.leaders(),
        );
        let log = LogStore::new(parts.wal);
        let (term, sync_delay) = (log.known_term(), log.sync_delay());
        let network = NetworkFactory::new(parts.identity, parts.peers, term.clone(), succession.full_disks.clone());
        let raft = openraft::Raft::new(parts.identity.replica, Arc::new(config), network, log, state_machine).await;
        let raft = raft.map_err(io::Error::other)?;
        sync_delay.follow(raft.server_metrics(), parts.timing.heartbeat_interval());
        let engine = Self {
            raft,
            applied_to,
            succession,
            times,
            leaders,
            heard_us: Arc::default(),
            scratch: parts.scratch,
            bank_id: parts.identity.bank_id,
            term,
            receiving: Arc::default(),
            space: parts.space,
            last_count: LastCount::default(),
        };
        watcher::watch(engine.clone());
        Ok(engine)
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
        // A branch that returns does not disturb a leader that the other branches still hear.
        enable_pre_vote: Some(true),
        // A restarted leader leads again only after an election.
        enable_leader_restore: Some(false),
        // The followers write an entry to disk at the same time as the leader.
        broadcast_submitted_on_append: Some(true),
        ..Config::default()
    }
    .validate()
}
