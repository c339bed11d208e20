//! openraft's log and vote, stored in the write-ahead log. The write-ahead log holds bytes; this file encodes and
//! decodes them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bank_proto::v1;
use bank_wal::Wal;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use prost::Message;
use tokio::sync::oneshot;

use super::convert;
use super::malformed::Malformed;
use super::sync_delay::SyncDelay;
use super::types::{Entry, LogId, TypeConfig, Vote};

/// The state slot that holds the vote. The number is part of the format on disk.
const SLOT_VOTE: u8 = 1;
/// The state slot that holds the committed log id. The number is part of the format on disk.
const SLOT_COMMITTED: u8 = 2;

/// The number of newest entries that are kept decoded. The followers' streams and the state machine read what was just
/// appended. An entry holds at most one batch of commands (`writes::queue::BATCH_LEN_MAX`).
const RECENT_LEN_MAX: usize = 512;

/// The most bytes that are read from the write-ahead log at a time.
const READ_BYTES_MAX: usize = 4 << 20;

/// openraft's log storage over the write-ahead log. Clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    wal: Arc<Wal>,
    recent: Arc<Mutex<BTreeMap<u64, Entry>>>,
    term: KnownTerm,
    sync_delay: SyncDelay,
}

/// The highest term in which this branch has voted or heard a leader. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownTerm(Arc<AtomicU64>);

impl KnownTerm {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn learn(&self, vote: &Vote) {
        self.0.fetch_max(vote.leader_id.term, Ordering::Relaxed);
    }
}

impl LogStore {
    pub(crate) fn new(wal: Arc<Wal>) -> Self {
        Self {
            wal,
            recent: Arc::default(),
            term: KnownTerm::default(),
            sync_delay: SyncDelay::default(),
        }
    }

    /// The term that this branch knows. It is 0 until the vote has been read.
    pub(super) fn known_term(&self) -> KnownTerm {
        self.term.clone()
    }

    /// Decides how long the sync of an append may wait. It follows the engine once the engine runs.
    pub(super) fn sync_delay(&self) -> SyncDelay {
        self.sync_delay.clone()
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Entry>> {
        // Each change to the map is one call, so the map is consistent even if the lock is poisoned.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries of the range, if all of them are kept decoded.
    fn read_recent(&self, range: &Range<u64>) -> Option<Vec<Entry>> {
        let recent = self.recent();
        let entries: Vec<Entry> = recent.range(range.clone()).map(|(_, entry)| entry.clone()).collect();
        (entries.len() as u64 == range.end.saturating_sub(range.start)).then_some(entries)
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        if let Some(entries) = self.read_recent(&range) {
            return Ok(entries);
        }
        let mut entries = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let records = self.wal.read(next..range.end, READ_BYTES_MAX)?;
            let Some((last, _)) = records.last() else { break };
            next = last + 1;
            for (_, bytes) in records {
                entries.push(convert::decoded(&bytes, convert::entry_from_wire)?);
            }
        }
        Ok(entries)
    }

    fn stored_log_id(&self, index: u64) -> io::Result<LogId> {
        let entries = self.read(index..index + 1)?;
        let entry = entries.into_iter().next();
        entry
            .map(|entry| entry.log_id)
            .ok_or_else(|| invalid(format!("the journal has no entry {index}")))
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn decode_slot<M: Message + Default, T>(
    wal: &Wal,
    slot: u8,
    convert: impl FnOnce(M) -> Result<T, Malformed>,
) -> io::Result<Option<T>> {
    let Some(bytes) = wal.state(slot) else {
        return Ok(None);
    };
    convert::decoded(&bytes, convert).map(Some)
}

/// The half-open range with the same indexes.
fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(at) => *at,
        Bound::Excluded(at) => at.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(at) => at.saturating_add(1),
        Bound::Excluded(at) => *at,
        Bound::Unbounded => u64::MAX,
    };
    start..end.max(start)
}

/// Runs a call of the write-ahead log that answers through a callback, and waits for the answer.
async fn durable(call: impl FnOnce(Box<dyn FnOnce(io::Result<()>) + Send>) -> io::Result<()>) -> io::Result<()> {
    let (done, answer) = oneshot::channel();
    call(Box::new(move |result| {
        // The receiver is gone if the engine has been stopped.
        let _ = done.send(result);
    }))?;
    answer
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the journal has stopped")))
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let mut range = half_open(&range);
        // A range may begin with purged entries and end with entries that do not exist yet. openraft expects what is
        // there.
        let bounds = self.wal.bounds();
        let end = bounds.last_index.map_or(0, |last| last + 1);
        range.end = range.end.min(end);
        range.start = range
            .start
            .max(bounds.purged.as_ref().map_or(0, |(purged, _)| purged + 1));
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.read_recent(&range) {
            return Ok(entries);
        }
        // Older entries come from files, for a branch that is far behind. Reading files blocks, so it runs off the
        // event loop.
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.read(range))
            .await
            .map_err(io::Error::other)?
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let vote = decode_slot(&self.wal, SLOT_VOTE, |vote: v1::Vote| {
            convert::vote_from_wire(Some(vote))
        })?;
        vote.iter().for_each(|vote| self.term.learn(vote));
        Ok(vote)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let bounds = self.wal.bounds();
        let last_purged_log_id = match &bounds.purged {
            Some((_, note)) => Some(convert::decoded(note, convert::log_id_from_wire)?),
            None => None,
        };
        let last_log_id = match bounds.last_index {
            Some(last) => Some(self.stored_log_id(last)?),
            None => last_purged_log_id,
        };
        Ok(LogState {
            last_purged_log_id,
            last_log_id,
        })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.term.learn(vote);
        let bytes = convert::vote_to_wire(vote).encode_to_vec();
        durable(|done| self.wal.put_state(SLOT_VOTE, bytes.into(), done)).await
    }

    /// Stores the committed log id without a sync. A branch that loses it learns it again from the leader.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.wal.put_state_lazily(
                SLOT_COMMITTED,
                convert::log_id_to_wire(&committed).encode_to_vec().into(),
            )?;
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        decode_slot(&self.wal, SLOT_COMMITTED, convert::log_id_from_wire)
    }

    /// Acknowledges the entries after their sync, which waits a little at a branch that does not vote.
    ///
    /// Blocks the event loop only while the queue of the write-ahead log (64 MiB) is full. In that state the disk is so
    /// slow that this branch could acknowledge nothing else either.
    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let records = entries
            .iter()
            .map(|entry| (entry.log_id.index, convert::entry_to_wire(entry).encode_to_vec().into()));
        let delay = self.sync_delay.of(&entries);
        self.wal
            .append_within(records.collect(), delay, move |result| callback.io_completed(result))?;
        let mut recent = self.recent();
        recent.extend(entries.into_iter().map(|entry| (entry.log_id.index, entry)));
        while recent.len() > RECENT_LEN_MAX {
            recent.pop_first();
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let last = last_log_id.map(|id| id.index);
        // The decoded entries go first, so that no reader finds an entry there that the write-ahead log has dropped.
        self.recent().split_off(&last.map_or(0, |last| last + 1));
        self.sync_delay.truncated(last);
        durable(|done| self.wal.truncate_after(last, done)).await
    }

    /// Does not wait for the sync, so that the engine appends meanwhile. A crash that loses the purge also loses every
    /// later change, and leaves entries that the engine purges again. A failed sync fails every later call.
    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        let note = convert::log_id_to_wire(&log_id).encode_to_vec();
        {
            let mut recent = self.recent();
            *recent = recent.split_off(&(log_id.index + 1));
        }
        self.wal.purge_to(log_id.index, note.into(), |_| {})
    }
}
