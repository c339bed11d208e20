//! Write access to a branch's ledger database: applies batches, checkpoints, installs snapshots.

use std::path::Path;
use std::sync::Arc;

use bank_ledger::{Applied, Command, DigestRule, Ledger};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, TransactionBehavior};

use super::applied_state::AppliedState;
use super::batch::Batch;
use super::checkpoint::{LogGrowth, make_durable};
use super::error::{BooksError, Fault};
use super::reader::Reader;
use super::rows;
use super::schema;
use super::shared::Shared;
use super::statement_view;
use super::verify;

/// The commands of one log entry.
#[derive(Debug, Clone)]
pub(crate) struct LogEntry {
    /// The rule by which the commands change the digest.
    pub(crate) rule: DigestRule,
    pub(crate) commands: Arc<[Command]>,
}

/// The result of one log entry.
#[derive(Debug)]
pub(crate) struct Effect {
    /// The outcomes, one for each command.
    pub(crate) outcomes: Vec<Applied>,
    /// The position and digest after the entry.
    pub(crate) ledger: Ledger,
    /// Whether a decision used a row that was read from the file and that no earlier decision of this process has used.
    pub(crate) read_from_file: bool,
}

/// Write access to a ledger database. A process must have at most one for a file; the caller ensures that by a lock on
/// the directory.
#[derive(Debug)]
pub(crate) struct BooksFile {
    connection: Connection,
    bank_id: [u8; 16],
    ledger: Ledger,
    applied_state: AppliedState,
    newest_refusal: i64,
    growth: LogGrowth,
    shared: Arc<Shared>,
}

impl BooksFile {
    /// Opens the database, or creates it if there is none. Its content is durable when this returns.
    ///
    /// # Errors
    /// The file belongs to another bank, has another format, is no ledger database, is damaged, or cannot be opened.
    pub(crate) fn open(path: &Path, bank_id: [u8; 16]) -> Result<(Self, Reader), BooksError> {
        let (mut connection, stored) = schema::open_writer(path, bank_id)?;
        verify::verify_at_start(&mut connection, path)?;
        statement_view::ensure(&mut connection, path)?;
        let growth = LogGrowth::follow(&mut connection).map_err(|fault| fault.at(path, "opening the books"))?;
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

    /// The position and digest of the newest committed state.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// The state that the caller stored last.
    pub(crate) fn applied_state(&self) -> &AppliedState {
        &self.applied_state
    }

    /// Applies commands as one log entry by the newest digest rule.
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

    /// Applies log entries in one transaction, with the position, the digest and the applied state. Entries without
    /// commands change only the applied state. `membership: None` keeps the stored membership.
    ///
    /// # Errors
    /// The database cannot be read or written. The entries are then not applied, except if only the checkpoint after
    /// their commit failed. A disk error is final: nothing is written after it.
    pub(crate) fn apply_entries(
        &mut self,
        entries: Vec<LogEntry>,
        applied: Vec<u8>,
        membership: Option<Vec<u8>>,
    ) -> Result<Vec<Effect>, BooksError> {
        self.run_unless_failed(|books| {
            let effects = books
                .commit(entries, applied, membership)
                .map_err(|fault| fault.at(&books.shared.path, "applying a batch"))?;
            books.growth.checkpoint_if_due(&books.connection, &books.shared.path)?;
            Ok(effects)
        })
    }

    /// Runs work that writes, unless the disk has failed before. Records a disk error of the work.
    fn run_unless_failed<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, BooksError>) -> Result<T, BooksError> {
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

    /// Makes every applied batch durable. Returns the identifier of the newest durable batch.
    ///
    /// # Errors
    /// The disk failed. It is then unknown what is durable, and a second call cannot find out. The process must end.
    pub(crate) fn checkpoint(&mut self) -> Result<Option<Vec<u8>>, BooksError> {
        self.run_unless_failed(|books| {
            make_durable(&books.connection, &books.shared.path)?;
            Ok(books.applied_state.applied.clone())
        })
    }

    /// Replaces the content of the database by the snapshot in the file `incoming`, atomically even if the process is
    /// killed. Readers, including other programs, see the old content and then the new content. The next
    /// [`Self::checkpoint`] makes the new content durable. It does not need `incoming`: removing the file before the
    /// checkpoint keeps at most two copies on the disk.
    ///
    /// # Errors
    /// The snapshot belongs to another bank, has another format, is no ledger database or is damaged, and the message
    /// names it; or the database cannot be written. The database is then unchanged.
    pub(crate) fn install(&mut self, incoming: &Path) -> Result<(), BooksError> {
        let source = schema::open_reader(incoming).map_err(|fault| fault.at(incoming, "opening the incoming books"))?;
        let stored = verify::verify_whole(&source, incoming, self.bank_id)?;
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
        self.run_unless_failed(|books| {
            books
                .copy_from(&source)
                .map_err(|fault| fault.at(&books.shared.path, "installing the incoming books"))?;
            // A branch of an earlier version sends books without the view.
            statement_view::ensure(&mut books.connection, &books.shared.path)
        })?;
        self.ledger = stored.ledger;
        self.applied_state = stored.applied_state;
        self.newest_refusal = stored.newest_refusal;
        self.shared.balance_cache.replace(self.ledger);
        Ok(())
    }

    /// Copies every page of the source in one write transaction, by SQLite's backup API.
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
    /// Moves the write-ahead log into the database file and removes it, if that is possible. Other programs can then
    /// open the single file, and the next start has no log to read. After a disk error the files stay as they are.
    fn drop(&mut self) {
        if self.shared.failure.get().is_some() {
            return;
        }
        if let Err(error) = make_durable(&self.connection, &self.shared.path) {
            tracing::warn!(
                %error,
                "the books were closed without being forced to the disk: the journal has what they lack"
            );
            return;
        }
        self.shared.connections.close_idle();
        // If this fails, the log stays beside the file, which is correct as well.
        let _ = schema::set_checkpoint_on_close(&self.connection, true);
    }
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
