//! Write access to the file of a ledger database: stores decisions, checkpoints, installs snapshots. Only the storing
//! thread has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bank_ledger::{Account, AccountName, Ledger};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, TransactionBehavior};

use super::checkpoint::{LogGrowth, make_durable};
use super::error::{BooksError, Fault};
use super::lookups::Lookups;
use super::opening;
use super::row_writer::RowWriter;
use super::schema;
use super::shared::Shared;
use super::statement_view;
use super::unstored::{Frozen, forgotten_up_to};
use super::verify;

/// Write access to the file.
#[derive(Debug)]
pub(super) struct FileWriter {
    connection: Connection,
    bank_id: [u8; 16],
    /// The position and digest that the file has.
    ledger: Ledger,
    growth: LogGrowth,
    shared: Arc<Shared>,
}

impl FileWriter {
    /// Opens the file, or creates it if there is none. Its content is durable when this returns.
    pub(super) fn open(path: &Path, bank_id: [u8; 16]) -> Result<Self, BooksError> {
        let (mut connection, stored) = opening::open_writer(path, bank_id)?;
        verify::verify_at_start(&mut connection, path)?;
        statement_view::ensure(&mut connection, path)?;
        let opening = |fault: Fault| fault.at(path, "opening the books");
        let growth = LogGrowth::follow(&mut connection).map_err(opening)?;
        let highest_id = schema::highest_id(&connection).map_err(opening)?;
        make_durable(&connection, path)?;
        Ok(Self {
            connection,
            bank_id,
            ledger: stored.ledger,
            growth,
            shared: Arc::new(Shared::new(path.to_owned(), stored, highest_id)),
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Writes decisions and the state after them in one transaction.
    ///
    /// # Errors
    /// The file cannot be written. It is then unchanged, except if only the checkpoint after the commit failed.
    pub(super) fn store(&mut self, frozen: &Frozen) -> Result<(), BooksError> {
        self.commit(frozen)
            .map_err(|fault| fault.at(&self.shared.path, "storing what was decided"))?;
        self.ledger = frozen.ledger;
        self.growth.committed(&self.connection, &self.shared.path)
    }

    fn commit(&mut self, frozen: &Frozen) -> Result<(), Fault> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let writer = write_rows(&transaction, frozen)?;
        writer.state(self.ledger, frozen.ledger, frozen.applied_state.clone())?;
        Ok(transaction.commit()?)
    }

    /// Makes everything that was stored durable.
    ///
    /// # Errors
    /// The disk failed. It is then unknown what is durable, and a second call cannot find out. The process must end.
    pub(super) fn checkpoint(&self) -> Result<(), BooksError> {
        make_durable(&self.connection, &self.shared.path)
    }

    /// Replaces the content of the file and the state in memory by the snapshot in the file `incoming`, atomically even
    /// if the process is killed. Readers, including other programs, see the old content and then the new content. The
    /// next [`Self::checkpoint`] makes the new content durable. It does not need `incoming`: removing the file before
    /// the checkpoint keeps at most two copies on the disk.
    ///
    /// # Errors
    /// The snapshot belongs to another bank, has another format, is no ledger database or is damaged, and the message
    /// names it; or the file cannot be written. The file is then unchanged.
    pub(super) fn install(&mut self, incoming: &Path) -> Result<(), BooksError> {
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
        self.copy_from(&source)
            .map_err(|fault| fault.at(&self.shared.path, "installing the incoming books"))?;
        self.ledger = stored.ledger;
        let highest_id = schema::highest_id(&self.connection)
            .map_err(|fault| fault.at(&self.shared.path, "reading the installed books"))?;
        self.shared.memory().install(stored, highest_id);
        // A branch of an earlier version sends books without the view.
        statement_view::ensure(&mut self.connection, &self.shared.path)
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

impl Drop for FileWriter {
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

/// Writes the rows of decisions, and returns the writer for the state row. An account is written once, however often it was changed, and accounts are written in
/// the order of their names, so that each page is touched once.
pub(super) fn write_rows<'c>(connection: &'c Connection, frozen: &Frozen) -> Result<RowWriter<'c>, Fault> {
    let mut writer = RowWriter::new(connection)?;
    let mut accounts: BTreeMap<AccountName, Account> = BTreeMap::new();
    for entry in frozen.decisions.entries() {
        writer.entry(entry)?;
        accounts.extend(entry.accounts());
    }
    let mut lookups = Lookups::new(connection)?;
    for (name, account) in accounts {
        writer.account(&mut lookups, &name, account)?;
    }
    for refusal in frozen.decisions.refusals() {
        writer.refusal(refusal.number, refusal.id, &refusal.refused)?;
    }
    let forgotten = forgotten_up_to(frozen.newest_refusal);
    if forgotten > 0 && !frozen.decisions.refusals().is_empty() {
        writer.forget_refusals(forgotten)?;
    }
    Ok(writer)
}
