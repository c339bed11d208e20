//! openraft's state machine: the books of this branch.
//!
//! The books are on disk at every commit of a batch, but forced there only by a checkpoint. So the "snapshot" that
//! openraft builds, after which it purges the log, is a checkpoint; a copy is read from the books when a branch takes one.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bank_ledger::{Applied, DigestRule, Position};
use bank_proto::v1;
use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use prost::Message;

use super::convert;
use super::succession::Pace;
use super::types::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::agreement::Agreement;
use crate::clock::monotonic_us;
use crate::replication::progress::Progress;
use crate::stop::Stop;
use crate::store::{AppliedState, BooksFile, Effect, LogEntry, Reader};

/// How many journal entries go into one transaction at the most: enough to spread a transaction's cost, few enough
/// that the first of them is not answered late.
const ENTRIES_PER_TRANSACTION_MAX: usize = 64;

/// A whole copy of the books, to be sent or installed.
#[derive(Debug)]
pub(crate) enum BooksCopy {
    /// The books of this branch: read when they are sent, as they are then.
    Live(Reader),
    /// A file that was received; removed when dropped.
    Received(TemporaryFile),
}

/// A file that goes away with this value, and with it what SQLite may have put beside it.
#[derive(Debug)]
pub(crate) struct TemporaryFile(PathBuf);

/// What SQLite appends to a file's name for the files that it puts beside it.
const SQLITE_ENDINGS: [&str; 3] = ["-journal", "-wal", "-shm"];

impl TemporaryFile {
    /// Names a file in the directory that no other value names. It is not created.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let name = format!("incoming-{}.db", uuid::Uuid::now_v7().simple());
        Self(directory.join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for ending in SQLITE_ENDINGS {
            let mut beside = self.0.clone().into_os_string();
            beside.push(ending);
            // Mostly there is none.
            let _ = std::fs::remove_file(beside);
        }
        // It may not have come to be.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl BooksCopy {
    /// The copy as a file; one of this branch's own books is put into the directory. Blocking.
    fn into_file(self, directory: &Path) -> io::Result<TemporaryFile> {
        match self {
            Self::Received(file) => Ok(file),
            Self::Live(reader) => {
                let file = TemporaryFile::in_directory(directory);
                reader.copy_to(file.path()).map_err(io::Error::other)?;
                Ok(file)
            }
        }
    }
}

/// When the newest batches were applied, for those who draw how a write spread.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApplyTimes(Arc<Mutex<VecDeque<(Position, u64)>>>);

impl ApplyTimes {
    /// How many batches are remembered: 1 MiB of them.
    const LEN_MAX: usize = 65_536;

    fn applied(&self, up_to: Position, at_us: u64) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() == Self::LEN_MAX {
            times.pop_front();
        }
        times.push_back((up_to, at_us));
    }

    /// When a position was applied here, in microseconds of the host's monotonic clock; `None`: not known.
    pub(crate) fn of(&self, position: Position) -> Option<u64> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = times.partition_point(|(up_to, _)| *up_to < position);
        // The oldest batch that is remembered may not hold the position: only where it begins is not known.
        (at > 0).then(|| times.get(at).map(|(_, at_us)| *at_us)).flatten()
    }
}

/// How far the books are, for those who wait for it: it has been applied, and reads see it, when it shows here.
#[derive(Debug, Clone)]
pub(crate) struct AppliedTo {
    /// How many commands are applied.
    pub(crate) position: Progress,
    /// How many entries of the log are applied: one more than the index of the last.
    pub(crate) entries: Progress,
}

impl AppliedTo {
    fn new(position: Position, last: Option<LogId>) -> Self {
        Self {
            position: Progress::new(position),
            entries: Progress::new(entries_up_to(last)),
        }
    }

    fn reach(&self, position: Position, last: Option<LogId>) {
        self.position.reach(position);
        self.entries.reach(entries_up_to(last));
    }
}

/// How many entries there are up to and with this one.
pub(super) fn entries_up_to(last: Option<LogId>) -> u64 {
    last.map_or(0, |id| id.index.saturating_add(1))
}

/// The books, and who waits for their position.
pub(crate) struct StateMachine {
    books: Held,
    reader: Reader,
    agreement: Agreement,
    directory: PathBuf,
    applied: Option<LogId>,
    membership: StoredMembership,
    applied_to: AppliedTo,
    times: ApplyTimes,
    /// Of the last checkpoint or installed copy of this run.
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl StateMachine {
    /// `directory`: where copies are put before they are installed. `stop`: what to tell where the books fail. `pace`: told what the
    /// books are busy with.
    ///
    /// # Errors
    /// The books hold a marker that is none.
    pub(crate) fn new(
        books: BooksFile,
        reader: Reader,
        directory: PathBuf,
        stop: Stop,
        agreement: Agreement,
        pace: Pace,
    ) -> io::Result<Self> {
        let damaged = stop.clone();
        reader.on_damage(move |error| damaged.now(error.to_string()));
        let (applied, membership) = decode(books.applied_state())?;
        let applied_to = AppliedTo::new(books.ledger().position, applied);
        let times = ApplyTimes::default();
        times.applied(books.ledger().position, 0);
        let books = Held {
            file: Arc::new(Mutex::new(books)),
            stop,
            pace,
        };
        Ok(Self {
            books,
            reader,
            agreement,
            directory,
            applied,
            membership,
            applied_to,
            times,
            snapshot: Arc::default(),
        })
    }

    /// Follows how far it is.
    pub(crate) fn applied_to(&self) -> AppliedTo {
        self.applied_to.clone()
    }

    /// When what was applied.
    pub(crate) fn times(&self) -> ApplyTimes {
        self.times.clone()
    }

    /// Applies entries as one transaction, and answers their proposers.
    async fn apply_together(&mut self, entries: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let mut batches: Vec<LogEntry> = Vec::new();
        let mut responders: Vec<Option<ApplyResponder<TypeConfig>>> = Vec::new();
        let mut membership = None;
        let Some(last) = entries.last().map(|(entry, _)| entry.log_id) else {
            return Ok(());
        };
        for (entry, responder) in entries {
            let (rule, commands) = match entry.payload {
                EntryPayload::Normal(batch) => (batch.rule, batch.commands),
                EntryPayload::Blank => (DigestRule::NEWEST, Arc::default()),
                EntryPayload::Membership(m) => {
                    membership = Some(StoredMembership::new(Some(entry.log_id), m));
                    (DigestRule::NEWEST, Arc::default())
                }
            };
            batches.push(LogEntry { rule, commands });
            responders.push(responder);
        }

        let applied = convert::log_id(&last).encode_to_vec();
        let changed = membership
            .as_ref()
            .map(|m| convert::stored_membership(m).encode_to_vec());
        let effects: Vec<Effect> = self
            .books
            .work(move |books| books.apply_entries(batches, applied, changed))
            .await?;
        self.applied = Some(last);
        if let Some(membership) = membership {
            self.membership = membership;
        }
        // Before the position shows, so that the digest at a position that shows is always found.
        let agreement = &self.agreement;
        let unconfirmed: Vec<Option<Position>> = effects
            .iter()
            .map(|effect| agreement.applied(effect.ledger, effect.read_from_file))
            .collect();
        let position = self.reader.position();
        self.times.applied(position, monotonic_us());
        self.applied_to.reach(position, self.applied);

        for ((effect, responder), unconfirmed) in effects.into_iter().zip(responders).zip(unconfirmed) {
            if let Some(responder) = responder {
                self.answer(responder, effect.outcomes, unconfirmed);
            }
        }
        Ok(())
    }

    /// Answers a proposer, once another branch has confirmed that position of the books, if it has to.
    fn answer(&self, responder: ApplyResponder<TypeConfig>, outcomes: Vec<Applied>, unconfirmed: Option<Position>) {
        if self.books.stop.is_set() {
            // What this branch decides is not to be told any more.
            return;
        }
        let alone = self.membership.voter_ids().nth(1).is_none();
        let Some(position) = unconfirmed.filter(|_| !alone) else {
            responder.send(outcomes);
            return;
        };
        let (agreement, stop) = (self.agreement.clone(), self.books.stop.clone());
        tokio::spawn(async move {
            // At most as long as the branch leads or follows anyone. The caller has a deadline of its own.
            agreement.confirmed(position).await;
            if !stop.is_set() {
                responder.send(outcomes);
            }
        });
    }
}

/// The books, and what to tell where they fail. Clones share both.
#[derive(Clone)]
struct Held {
    file: Arc<Mutex<BooksFile>>,
    stop: Stop,
    pace: Pace,
}

impl Held {
    /// Runs blocking work on the books away from the event loop. A failure ends the branch: an entry that cannot be applied
    /// is applied by nobody else, and a failed sync is never tried again.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut BooksFile) -> Result<T, crate::store::BooksError> + Send + 'static,
    ) -> io::Result<T> {
        let (file, pace) = (Arc::clone(&self.file), self.pace.clone());
        let done = tokio::task::spawn_blocking(move || {
            // A transaction that a panic cut short was rolled back; the books are whole.
            let mut books = file.lock().unwrap_or_else(PoisonError::into_inner);
            let _busy = pace.begin();
            work(&mut books)
        });
        done.await.map_err(io::Error::other)?.map_err(|error| {
            self.stop.now(error.to_string());
            io::Error::other(error)
        })
    }
}

/// What the engine put into a marker.
pub(super) fn decode(applied_state: &AppliedState) -> io::Result<(Option<LogId>, StoredMembership)> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidData, error);
    let applied = match &applied_state.applied {
        Some(bytes) => {
            let id = v1::LogId::decode(bytes.as_slice()).map_err(|error| broken(error.into()))?;
            Some(convert::log_id_back(id).map_err(|error| broken(error.into()))?)
        }
        None => None,
    };
    let membership = match &applied_state.membership {
        Some(bytes) => {
            let stored = v1::StoredMembership::decode(bytes.as_slice()).map_err(|error| broken(error.into()))?;
            convert::stored_membership_back(stored).map_err(|error| broken(error.into()))?
        }
        None => StoredMembership::default(),
    };
    Ok((applied, membership))
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = BooksCopy;
    type SnapshotBuilder = Checkpoint;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut chunks = entries.ready_chunks(ENTRIES_PER_TRANSACTION_MAX);
        while let Some(chunk) = chunks.next().await {
            let entries: io::Result<Vec<EntryResponder<TypeConfig>>> = chunk.into_iter().collect();
            self.apply_together(entries?).await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Checkpoint {
        Checkpoint {
            books: self.books.clone(),
            reader: self.reader.clone(),
            snapshot: Arc::clone(&self.snapshot),
        }
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, snapshot: BooksCopy) -> io::Result<()> {
        let directory = self.directory.clone();
        let file = tokio::task::spawn_blocking(move || snapshot.into_file(&directory));
        let file = file.await.map_err(io::Error::other)??;
        let applied_state = self
            .books
            .work(move |books| {
                books.install(file.path())?;
                // Room for the checkpoint, which lets the books grow to the size of the copy.
                drop(file);
                books.checkpoint()?;
                Ok(books.applied_state().clone())
            })
            .await?;
        // What the file says of itself, which is what the books now hold.
        let (applied, membership) = decode(&applied_state)?;
        let installed = SnapshotMeta {
            last_log_id: applied,
            last_membership: membership.clone(),
        };
        (self.applied, self.membership) = (applied, membership);
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(installed);
        let position = self.reader.position();
        self.agreement.installed(self.reader.ledger());
        self.times.applied(position, 0);
        self.applied_to.reach(position, self.applied);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let meta = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let copy = BooksCopy::Live(self.reader.clone());
        Ok(meta.map(|meta| Snapshot { meta, snapshot: copy }))
    }
}

/// Forces the books to the disk, so that the log before them may go.
pub(crate) struct Checkpoint {
    books: Held,
    reader: Reader,
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for Checkpoint {
    type SnapshotData = BooksCopy;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let durable = self.books.work(|books| {
            books.checkpoint()?;
            Ok(books.applied_state().clone())
        });
        let (last_log_id, last_membership) = decode(&durable.await?)?;
        let meta = SnapshotMeta {
            last_log_id,
            last_membership,
        };
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta.clone());
        Ok(Snapshot {
            meta,
            snapshot: BooksCopy::Live(self.reader.clone()),
        })
    }
}
