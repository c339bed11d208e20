//! The replicated state machine: applies committed log entries to this branch's ledger database.
//!
//! A batch is applied in memory, where reads see it at once. The store writes it to the file later, and only a
//! checkpoint forces the file to disk. So the "snapshot" that openraft builds before it purges the log is a checkpoint.
//! A copy of the file is read only when another branch takes one. What the file lacks after a crash is in the log.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bank_ledger::{Applied, DigestRule, Position};
use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use prost::Message;
use tokio::sync::oneshot;

use super::applied::{AppliedTo, ApplyTimes};
use super::convert;
use super::leaders::LeaderRecord;
use super::snapshot::{Snapshot, SnapshotData};
use super::succession::fitness::Pace;
use super::types::{LeaderId, LogId, SnapshotMeta, StoredMembership, TypeConfig};
use crate::agreement::Agreement;
use crate::clock::monotonic_us;
use crate::stop::Stop;
use crate::store::{BooksError, BooksFile, Done, Effect, LogEntry, Reader, Step, StoringHandle};

/// The most log entries that are applied before their proposers are answered. That is enough to share the cost, and few
/// enough that the first entry's answer is not late.
const ENTRIES_PER_CHUNK_MAX: usize = 64;

/// The number of commands after which other tasks get a turn. Applying as many takes one or two milliseconds.
const COMMANDS_PER_TURN_MAX: usize = 1024;

/// openraft's state machine over the ledger database.
pub(crate) struct StateMachine {
    books: BooksFile,
    stop: Stop,
    /// Learns how long a committed entry has been held up.
    pace: Pace,
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
    /// of the database is reported to `stop`, and `pace` learns how long applying waits for the database.
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
        reader.on_failure(move |error| damaged.now(error.to_string()));
        let SnapshotMeta {
            last_log_id: applied,
            last_membership: membership,
        } = (&books.applied_state()).try_into()?;
        let applied_to = AppliedTo::new(books.ledger().position, applied);
        let times = ApplyTimes::default();
        times.applied(books.ledger().position, 0);
        Ok(Self {
            books,
            stop,
            pace,
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

    /// Applies entries, then answers their proposers.
    async fn apply_together(&mut self, entries: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let mut batches: Vec<LogEntry> = Vec::with_capacity(entries.len());
        let mut proposers: Vec<LeaderId> = Vec::with_capacity(entries.len());
        let mut responders: Vec<Option<ApplyResponder<TypeConfig>>> = Vec::with_capacity(entries.len());
        let mut membership = None;
        let Some(last) = entries.last().map(|(entry, _)| entry.log_id) else {
            return Ok(());
        };
        for (entry, responder) in entries {
            proposers.push(entry.log_id.leader_id);
            let mut changed = None;
            let (rule, commands) = match entry.payload {
                EntryPayload::Normal(batch) => (batch.rule, batch.commands),
                EntryPayload::Blank => (DigestRule::NEWEST, Arc::default()),
                EntryPayload::Membership(m) => {
                    let stored = StoredMembership::new(Some(entry.log_id), m);
                    changed = Some(convert::stored_membership_to_wire(&stored).encode_to_vec());
                    membership = Some(stored);
                    (DigestRule::NEWEST, Arc::default())
                }
            };
            batches.push(LogEntry {
                rule,
                commands,
                applied: convert::log_id_to_wire(&entry.log_id).encode_to_vec(),
                membership: changed,
            });
            responders.push(responder);
        }

        let effects = self.apply_all(&batches).await?;
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

    /// Applies entries one after the other, in memory. Waits only for rows that are not in memory, or for room. An error
    /// ends the branch, because a committed entry must be applied.
    async fn apply_all(&mut self, entries: &[LogEntry]) -> io::Result<Vec<Effect>> {
        let mut effects = Vec::with_capacity(entries.len());
        let mut commands = 0;
        while let Some(step) = self
            .books
            .apply_first(entries.get(effects.len()..).unwrap_or_default())
            .map_err(|error| ended(&self.stop, error))?
        {
            match step {
                Step::Applied(effect) => {
                    commands += effect.outcomes.len();
                    effects.push(effect);
                    if commands >= COMMANDS_PER_TURN_MAX {
                        commands = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Step::Blocked(preparation) => {
                    let _busy = self.pace.begin();
                    let prepared = tokio::task::spawn_blocking(move || preparation.run()).await;
                    let prepared = prepared.map_err(io::Error::other)?;
                    self.books.prepared(prepared.map_err(|error| ended(&self.stop, error))?);
                }
            }
        }
        self.books.end_chunk();
        Ok(effects)
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
        if self.stop.is_set() {
            // This branch is about to end, and its decisions may be wrong.
            return;
        }
        let alone = self.membership.voter_ids().nth(1).is_none();
        let Some(position) = unconfirmed.filter(|_| !alone) else {
            responder.send(outcomes);
            return;
        };
        let (agreement, stop) = (self.agreement.clone(), self.stop.clone());
        tokio::spawn(async move {
            // The wait ends when another branch answers a comparison. The caller has a deadline of its own.
            agreement.confirmed(position).await;
            if !stop.is_set() {
                responder.send(outcomes);
            }
        });
    }
}

/// Ends the branch because of an error of the ledger database.
fn ended(stop: &Stop, error: BooksError) -> io::Error {
    stop.now(error.to_string());
    io::Error::other(error)
}

/// Asks the storing thread, and waits for its answer. An error ends the branch: a failed sync must not be repeated.
async fn ask<T>(stop: &Stop, ask: impl FnOnce(Done<T>)) -> io::Result<T>
where
    T: Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    ask(Box::new(move |result| {
        // The receiver is gone if the engine has been stopped.
        let _ = answer.send(result);
    }));
    let gone = |_| io::Error::other("the storing thread has ended");
    answered.await.map_err(gone)?.map_err(|error| ended(stop, error))
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
        let mut chunks = entries.ready_chunks(ENTRIES_PER_CHUNK_MAX);
        while let Some(chunk) = chunks.next().await {
            let entries: io::Result<Vec<EntryResponder<TypeConfig>>> = chunk.into_iter().collect();
            self.apply_together(entries?).await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Checkpoint {
        Checkpoint {
            storing: self.books.storing(),
            stop: self.stop.clone(),
            reader: self.reader.clone(),
            snapshot: Arc::clone(&self.snapshot),
        }
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, snapshot: SnapshotData) -> io::Result<()> {
        let directory = self.directory.clone();
        let file = tokio::task::spawn_blocking(move || snapshot.into_file(&directory));
        let file = file.await.map_err(io::Error::other)??;
        let storing = self.books.storing();
        let _busy = self.pace.begin();
        ask(&self.stop, |done| storing.install(file.path().to_owned(), done)).await?;
        // The file goes first: the checkpoint lets the database grow to the size of the snapshot.
        drop(file);
        let applied_state = ask(&self.stop, |done| storing.checkpoint(done)).await?;
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
    storing: StoringHandle,
    stop: Stop,
    reader: Reader,
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for Checkpoint {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let durable = ask(&self.stop, |done| self.storing.checkpoint(done)).await?;
        let meta = SnapshotMeta::try_from(&durable)?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta.clone());
        Ok(Snapshot {
            meta,
            snapshot: SnapshotData::Live(self.reader.clone()),
        })
    }
}
