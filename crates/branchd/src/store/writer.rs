//! Write access to a branch's books.

use std::path::Path;
use std::sync::Arc;

use bank_ledger::{Applied, Command, DigestRule, Ledger};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, TransactionBehavior};

use super::batch::Batch;
use super::checkpoint::{Growth, make_durable, set_checkpoint_on_close};
use super::error::{BooksError, Fault};
use super::reader::{Reader, Shared};
use super::rows;
use super::schema::{self, Stored};
use super::verify;

/// What the caller keeps beside the books, opaque here. It moves with them, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AppliedState {
    /// The caller's name for the last batch; `None` before the first.
    pub(crate) applied: Option<Vec<u8>>,
    /// Who the members are, as of that batch.
    pub(crate) membership: Option<Vec<u8>>,
}

/// The commands of one journal entry.
#[derive(Debug, Clone)]
pub(crate) struct LogEntry {
    /// What they add to the digest.
    pub(crate) rule: DigestRule,
    pub(crate) commands: Arc<[Command]>,
}

/// What one journal entry led to.
#[derive(Debug)]
pub(crate) struct Effect {
    /// One for each command.
    pub(crate) outcomes: Vec<Applied>,
    /// The position and digest right after it.
    pub(crate) ledger: Ledger,
    /// A decision read something from the file, which memory did not hold.
    pub(crate) read_from_file: bool,
}

/// The books file, held for writing. There is one per file; the caller sees to that by a lock on the directory.
#[derive(Debug)]
pub(crate) struct BooksFile {
    connection: Connection,
    bank_id: [u8; 16],
    ledger: Ledger,
    applied_state: AppliedState,
    newest_refusal: i64,
    growth: Growth,
    shared: Arc<Shared>,
}

impl BooksFile {
    /// Opens the file, or makes it where there is none. What it holds is then durable.
    ///
    /// # Errors
    /// Where the file is another bank's, of another format, something else, damaged, or cannot be opened.
    pub(crate) fn open(path: &Path, bank_id: [u8; 16]) -> Result<(Self, Reader), BooksError> {
        let (mut connection, stored) = schema::open_writer(path, bank_id)?;
        verify::verify(&mut connection, path)?;
        let growth = Growth::follow(&mut connection).map_err(|fault| fault.at(path, "opening the books"))?;
        let shared = Arc::new(Shared::new(path.to_owned(), stored.ledger));
        let mut books = Self {
            connection,
            bank_id,
            ledger: stored.ledger,
            applied_state: stored.applied_state,
            newest_refusal: stored.newest_refusal,
            growth,
            shared: Arc::clone(&shared),
        };
        books.checkpoint()?;
        Ok((books, Reader::new(shared)))
    }

    /// The position and digest that the books have reached.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// What the caller stored last.
    pub(crate) fn applied_state(&self) -> &AppliedState {
        &self.applied_state
    }

    /// Applies commands as one entry by the newest rule.
    #[cfg(test)]
    pub(crate) fn apply(
        &mut self,
        commands: Vec<Command>,
        applied: Vec<u8>,
        membership: Option<Vec<u8>>,
    ) -> Result<Vec<Applied>, BooksError> {
        let entry = LogEntry {
            rule: DigestRule::NEWEST,
            commands: commands.into(),
        };
        let effects = self.apply_entries(vec![entry], applied, membership)?;
        Ok(effects.into_iter().flat_map(|effect| effect.outcomes).collect())
    }

    /// Applies journal entries in one transaction: all their commands, the position, the digest and the marker, or none.
    /// Without commands only the marker moves. `membership: None` leaves the stored one.
    ///
    /// # Errors
    /// Where the books cannot be read or written; they are as they were before the batch. An error of the disk is final:
    /// nothing is written after it.
    pub(crate) fn apply_entries(
        &mut self,
        entries: Vec<LogEntry>,
        applied: Vec<u8>,
        membership: Option<Vec<u8>>,
    ) -> Result<Vec<Effect>, BooksError> {
        self.guarded(|books| {
            let effects = books
                .commit(entries, applied, membership)
                .map_err(|fault| fault.at(&books.shared.path, "applying a batch"))?;
            books.growth.checkpoint_if_due(&books.connection, &books.shared.path)?;
            Ok(effects)
        })
    }

    /// Does work that writes, unless the disk has failed before; notes it where it fails now.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, BooksError>) -> Result<T, BooksError> {
        if let Some(failure) = self.shared.failure.get() {
            return Err(BooksError::Stopped(failure.clone()));
        }
        let done = work(self);
        if let Err(error) = &done
            && error.is_final()
        {
            self.shared.failure.get_or_init(|| error.to_string());
        }
        done
    }

    fn commit(
        &mut self,
        entries: Vec<LogEntry>,
        applied: Vec<u8>,
        membership: Option<Vec<u8>>,
    ) -> Result<Vec<Effect>, Fault> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut ledger = self.ledger;
        let mut batch = Batch::new(&transaction, &self.shared.balance_cache, self.newest_refusal)?;
        let mut effects = Vec::with_capacity(entries.len());
        for entry in entries {
            effects.push(apply_entry(&mut ledger, &mut batch, &entry)?);
        }
        let written = batch.finish()?;
        let moved = transaction
            .prepare_cached(
                "UPDATE state SET position = ?1, digest = ?2, applied = ?3, membership = coalesce(?4, membership) \
                 WHERE position = ?5 AND digest = ?6",
            )?
            .execute((
                rows::stored(ledger.position)?,
                ledger.digest.0,
                &applied,
                &membership,
                rows::stored(self.ledger.position)?,
                self.ledger.digest.0,
            ))?;
        if moved != 1 {
            return Err(Fault::Damaged(
                "its state is not the one that this branch wrote last: another program writes to it".to_owned(),
            ));
        }
        transaction.commit()?;
        self.ledger = ledger;
        self.newest_refusal = written.newest_refusal;
        self.applied_state.applied = Some(applied);
        if membership.is_some() {
            self.applied_state.membership = membership;
        }
        self.shared.balance_cache.publish(ledger, written.accounts);
        Ok(effects)
    }

    /// Makes everything applied so far survive a power cut. Returns the `applied` that is durable now.
    ///
    /// # Errors
    /// Where the disk fails: it is then not known what is durable, and asking again cannot tell. End the process.
    pub(crate) fn checkpoint(&mut self) -> Result<Option<Vec<u8>>, BooksError> {
        self.guarded(|books| {
            make_durable(&books.connection, &books.shared.path)?;
            Ok(books.applied_state.applied.clone())
        })
    }

    /// Replaces the books by those in the file `incoming`, whole or not at all, a crash in the middle included.
    /// Readers, outside ones too, see the old books and then the new. The next [`Self::checkpoint`] makes the new ones
    /// durable; `incoming` is not needed for it, and may go first: the disk then holds two copies at once, not three.
    ///
    /// # Errors
    /// Where the incoming file is another bank's, of another format, something else or damaged (the message names it),
    /// or the books cannot be written; they are as they were.
    pub(crate) fn install(&mut self, incoming: &Path) -> Result<(), BooksError> {
        let source = schema::open_reader(incoming).map_err(|fault| fault.at(incoming, "opening the incoming books"))?;
        let stored = verify(&source, incoming, self.bank_id)?;
        let sizes = |fault: Fault| fault.at(incoming, "comparing page sizes");
        let (theirs, ours) = (
            schema::page_size(&source).map_err(sizes)?,
            schema::page_size(&self.connection).map_err(sizes)?,
        );
        if theirs != ours {
            return Err(BooksError::NotBooks {
                path: incoming.to_owned(),
                what: format!("its pages have {theirs} bytes, not {ours}"),
            });
        }
        self.guarded(|books| {
            books
                .copy_from(&source)
                .map_err(|fault| fault.at(&books.shared.path, "installing the incoming books"))
        })?;
        self.ledger = stored.ledger;
        self.applied_state = stored.applied_state;
        self.newest_refusal = stored.newest_refusal;
        self.shared.balance_cache.replace(self.ledger);
        Ok(())
    }

    /// One write transaction, by SQLite's backup API: it takes every page of the source, or rolls back.
    fn copy_from(&mut self, source: &Connection) -> Result<(), Fault> {
        self.connection.flush_prepared_statement_cache();
        let backup = Backup::new(source, &mut self.connection)?;
        match backup.step(-1)? {
            StepResult::Done => Ok(()),
            other => Err(Fault::Damaged(format!("another program holds it ({other:?})"))),
        }
    }
}

impl Drop for BooksFile {
    /// Leaves one file, without a log beside it, where that can be done: anyone can then open it, and the next start has
    /// nothing to read again. After an error of the disk it leaves everything as it is.
    fn drop(&mut self) {
        if self.shared.failure.get().is_some() {
            return;
        }
        if let Err(error) = make_durable(&self.connection, &self.shared.path) {
            tracing::warn!(%error, "the books were closed without being forced to the disk: the journal has what they lack");
            return;
        }
        self.shared.connections.close_idle();
        // Where it cannot be set, the log stays beside the file, which is as good.
        let _ = set_checkpoint_on_close(&self.connection, true);
    }
}

/// What a file says that it holds, once all of it has been found sound: books of this bank, undamaged.
///
/// # Errors
/// As for [`BooksFile::install`].
pub(crate) fn examine_copy(incoming: &Path, bank_id: [u8; 16]) -> Result<AppliedState, BooksError> {
    let source = schema::open_reader(incoming).map_err(|fault| fault.at(incoming, "opening the incoming books"))?;
    Ok(verify(&source, incoming, bank_id)?.applied_state)
}

/// Reads the whole incoming file once: its marks, its pages, its state.
fn verify(source: &Connection, incoming: &Path, bank_id: [u8; 16]) -> Result<Stored, BooksError> {
    let stored = schema::examine(source, incoming, bank_id)?;
    let found: String = source
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|error| Fault::from(error).at(incoming, "checking the incoming books"))?;
    if found != "ok" {
        return Err(Fault::Damaged(found).at(incoming, "checking the incoming books"));
    }
    Ok(stored)
}

fn apply_entry(ledger: &mut Ledger, batch: &mut Batch<'_>, entry: &LogEntry) -> Result<Effect, Fault> {
    let commands = entry.commands.to_vec();
    #[cfg(feature = "planted-bugs")]
    let commands = {
        let mut commands = commands;
        crate::planted::before_apply(ledger.position, &mut commands);
        commands
    };
    let outcomes = commands
        .into_iter()
        .map(|command| apply_one(entry.rule, ledger, batch, command))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Effect {
        outcomes,
        ledger: *ledger,
        read_from_file: batch.take_read_from_file(),
    })
}

#[cfg(not(feature = "planted-bugs"))]
fn apply_one(rule: DigestRule, ledger: &mut Ledger, batch: &mut Batch<'_>, command: Command) -> Result<Applied, Fault> {
    ledger.apply_by(rule, batch, command)
}

#[cfg(feature = "planted-bugs")]
use crate::planted::apply as apply_one;
