//! The replicated state machine: applies committed log entries to this branch's ledger database.
//!
//! A batch is visible in the database as soon as it is committed there, but only a checkpoint forces the database to
//! disk. So the "snapshot" that openraft builds before it purges the log is a checkpoint. A copy of the database is
//! read only when another branch takes one.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bank_ledger::{Applied, DigestRule, Position};
use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use prost::Message;

use super::applied::{AppliedTo, ApplyTimes};
use super::convert;
use super::leaders::LeaderRecord;
use super::snapshot::{Snapshot, SnapshotData};
use super::succession::fitness::Pace;
use super::types::{LeaderId, LogId, SnapshotMeta, StoredMembership, TypeConfig};
use crate::agreement::Agreement;
use crate::clock::monotonic_us;
use crate::stop::Stop;
use crate::store::{BooksError, BooksFile, Effect, LogEntry, Reader};

/// The most log entries in one transaction. That is enough to share a transaction's cost, and few enough that the first
/// entry's answer is not late.
const ENTRIES_PER_TRANSACTION_MAX: usize = 64;

/// openraft's state machine over the ledger database.
pub(crate) struct StateMachine {
    books: SharedBooks,
    reader: Reader,
    agreement: Agreement,
    directory: PathBuf,
    applied: Option<LogId>,
    membership: StoredMembership,
    applied_to: AppliedTo,
    times: ApplyTimes,
    leaders: LeaderRecord,
    /// Describes the last checkpoint or installed snapshot since the process started.
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl StateMachine {
    /// Takes over the ledger database. Received snapshots are put into `directory` before they are installed. A failure
    /// of the database is reported to `stop`, and `pace` learns how long the database has been busy.
    ///
    /// # Errors
    /// The applied state in the database cannot be decoded.
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
        let SnapshotMeta {
            last_log_id: applied,
            last_membership: membership,
        } = books.applied_state().try_into()?;
        let applied_to = AppliedTo::new(books.ledger().position, applied);
        let times = ApplyTimes::default();
        times.applied(books.ledger().position, 0);
        let books = SharedBooks {
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
            leaders: LeaderRecord::after(applied),
            snapshot: Arc::default(),
        })
    }

    pub(super) fn applied_to(&self) -> AppliedTo {
        self.applied_to.clone()
    }

    pub(super) fn times(&self) -> ApplyTimes {
        self.times.clone()
    }

    pub(super) fn leaders(&self) -> LeaderRecord {
        self.leaders.clone()
    }

    /// Applies entries in one transaction, then answers their proposers.
    async fn apply_together(&mut self, entries: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let mut batches: Vec<LogEntry> = Vec::new();
        let mut proposers: Vec<LeaderId> = Vec::new();
        let mut responders: Vec<Option<ApplyResponder<TypeConfig>>> = Vec::new();
        let mut membership = None;
        let Some(last) = entries.last().map(|(entry, _)| entry.log_id) else {
            return Ok(());
        };
        for (entry, responder) in entries {
            proposers.push(entry.log_id.leader_id);
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

        let applied = convert::log_id_to_wire(&last).encode_to_vec();
        let changed = membership
            .as_ref()
            .map(|m| convert::stored_membership_to_wire(m).encode_to_vec());
        let effects: Vec<Effect> = self
            .books
            .run(move |books| books.apply_entries(batches, applied, changed))
            .await?;
        self.applied = Some(last);
        if let Some(membership) = membership {
            self.membership = membership;
        }
        // The digests are recorded before the position is visible, so the digest at a visible position is always found.
        let agreement = &self.agreement;
        let unconfirmed: Vec<Option<Position>> = effects
            .iter()
            .map(|effect| agreement.applied(effect.ledger, effect.read_from_file))
            .collect();
        let at_us = monotonic_us();
        let mut before = self.applied_to.position.at();
        for (proposer, effect) in proposers.into_iter().zip(&effects) {
            let branch_of = |replica| self.branch_of(replica);
            self.leaders.applied(proposer, before, at_us, branch_of);
            before = effect.ledger.position;
        }
        let position = self.reader.position();
        self.times.applied(position, at_us);
        self.applied_to.reach(position, self.applied);

        for ((effect, responder), unconfirmed) in effects.into_iter().zip(responders).zip(unconfirmed) {
            if let Some(responder) = responder {
                self.answer(responder, effect.outcomes, unconfirmed);
            }
        }
        Ok(())
    }

    /// The branch number of a replica in the membership that is applied.
    fn branch_of(&self, replica: u64) -> Option<u32> {
        self.membership
            .membership()
            .get_node(&replica)
            .map(|member| member.branch)
    }

    /// Answers a proposer. If `unconfirmed` is set, the answer waits until another branch has confirmed that position.
    fn answer(&self, responder: ApplyResponder<TypeConfig>, outcomes: Vec<Applied>, unconfirmed: Option<Position>) {
        if self.books.stop.is_set() {
            // This branch is about to end, and its decisions may be wrong.
            return;
        }
        let alone = self.membership.voter_ids().nth(1).is_none();
        let Some(position) = unconfirmed.filter(|_| !alone) else {
            responder.send(outcomes);
            return;
        };
        let (agreement, stop) = (self.agreement.clone(), self.books.stop.clone());
        tokio::spawn(async move {
            // The wait ends when another branch answers a comparison. The caller has a deadline of its own.
            agreement.confirmed(position).await;
            if !stop.is_set() {
                responder.send(outcomes);
            }
        });
    }
}

/// Write access to the ledger database, and the `Stop` that learns of its failure. Clones share both.
#[derive(Clone)]
struct SharedBooks {
    file: Arc<Mutex<BooksFile>>,
    stop: Stop,
    pace: Pace,
}

impl SharedBooks {
    /// Runs blocking work on the database, off the event loop. An error ends the branch: a committed entry must be
    /// applied, and a failed sync must not be repeated.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut BooksFile) -> Result<T, BooksError> + Send + 'static,
    ) -> io::Result<T> {
        let (file, pace) = (Arc::clone(&self.file), self.pace.clone());
        let done = tokio::task::spawn_blocking(move || {
            // A panic rolls its transaction back, so a poisoned lock still guards a consistent database.
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

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotData;
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

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, snapshot: SnapshotData) -> io::Result<()> {
        let directory = self.directory.clone();
        let file = tokio::task::spawn_blocking(move || snapshot.into_file(&directory));
        let file = file.await.map_err(io::Error::other)??;
        let applied_state = self
            .books
            .run(move |books| {
                books.install(file.path())?;
                // The file goes first: the checkpoint lets the database grow to the size of the snapshot.
                drop(file);
                books.checkpoint()?;
                Ok(books.applied_state().clone())
            })
            .await?;
        // The installed database says which state it holds.
        let installed = SnapshotMeta::try_from(&applied_state)?;
        self.applied = installed.last_log_id;
        self.membership = installed.last_membership.clone();
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(installed);
        let position = self.reader.position();
        self.agreement.installed(self.reader.ledger());
        self.times.applied(position, 0);
        self.leaders.begin_again(self.applied);
        self.applied_to.reach(position, self.applied);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let meta = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let snapshot = SnapshotData::Live(self.reader.clone());
        Ok(meta.map(|meta| Snapshot { meta, snapshot }))
    }
}

/// openraft's snapshot builder. It forces the ledger database to disk, so that openraft may purge the log before it.
pub(crate) struct Checkpoint {
    books: SharedBooks,
    reader: Reader,
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for Checkpoint {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let durable = self.books.run(|books| {
            books.checkpoint()?;
            Ok(books.applied_state().clone())
        });
        let meta = SnapshotMeta::try_from(&durable.await?)?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta.clone());
        Ok(Snapshot {
            meta,
            snapshot: SnapshotData::Live(self.reader.clone()),
        })
    }
}
