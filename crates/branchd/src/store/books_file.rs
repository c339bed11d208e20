//! A branch's ledger database as the state machine sees it: commands are applied in memory, and stored behind.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bank_ledger::{Applied, Command, DigestRule, Ledger};

use super::applied_state::AppliedState;
use super::deciding::Deciding;
use super::error::{BooksError, Fault};
use super::fetching::{FetchConnection, Fetched, Wanted};
use super::memory::Memory;
use super::reader::Reader;
use super::shared::Shared;
use super::storing::{self, StoringHandle};
use super::writer::FileWriter;

/// The commands of one log entry, and what the caller stores with them.
#[derive(Debug, Clone)]
pub(crate) struct LogEntry {
    /// The rule by which the commands change the digest.
    pub(crate) rule: DigestRule,
    pub(crate) commands: Arc<[Command]>,
    /// The caller's identifier of the entry.
    pub(crate) applied: Vec<u8>,
    /// The caller's membership, if the entry changes it.
    pub(crate) membership: Option<Vec<u8>>,
}

/// The result of one log entry.
#[derive(Debug)]
pub(crate) struct Effect {
    /// The outcomes, one for each command.
    pub(crate) outcomes: Vec<Applied>,
    /// The position and digest after the entry.
    pub(crate) ledger: Ledger,
    /// Whether a decision used a row that was read from the file and that no earlier decision of this process has used,
    /// or used that the file has no such row.
    pub(crate) read_from_file: bool,
}

/// What became of a log entry.
#[derive(Debug)]
pub(crate) enum Step {
    /// The entry is applied.
    Applied(Effect),
    /// The entry is not applied, because something must be waited for first.
    Blocked(Preparation),
}

/// What must be done before the next log entries can be applied. It blocks.
#[derive(Debug)]
pub(crate) struct Preparation {
    wanted: Wanted,
    connection: Arc<FetchConnection>,
    shared: Arc<Shared>,
    #[cfg(feature = "planted-bugs")]
    stuck: bool,
}

/// The result of a [`Preparation`].
#[derive(Debug)]
pub(crate) struct Prepared(Fetched);

/// Applies log entries to a ledger database. A process must have at most one value for a file. The caller ensures that by
/// a lock on the directory.
#[derive(Debug)]
pub(crate) struct BooksFile {
    shared: Arc<Shared>,
    fetched: Fetched,
    connection: Arc<FetchConnection>,
    storing: StoringHandle,
    thread: Option<JoinHandle<()>>,
}

impl BooksFile {
    /// Opens the database, or creates it if there is none. Its content is durable when this returns.
    ///
    /// # Errors
    /// The file belongs to another bank, has another format, is no ledger database, is damaged, or cannot be opened.
    pub(crate) fn open(path: &Path, bank_id: [u8; 16]) -> Result<(Self, Reader), BooksError> {
        let writer = FileWriter::open(path, bank_id)?;
        let shared = Arc::clone(writer.shared());
        let (storing, thread) = storing::start(writer).map_err(|source| BooksError::Io {
            path: path.to_owned(),
            doing: "starting the thread that stores",
            source,
        })?;
        let books = Self {
            shared: Arc::clone(&shared),
            fetched: Fetched::default(),
            connection: Arc::default(),
            storing,
            thread: Some(thread),
        };
        Ok((books, Reader::new(shared)))
    }

    /// The position and digest of the newest state.
    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.memory().ledger()
    }

    /// What the caller stored with the newest state.
    pub(crate) fn applied_state(&self) -> AppliedState {
        self.shared.memory().applied_state().clone()
    }

    /// The way to the thread that stores.
    pub(crate) fn storing(&self) -> StoringHandle {
        self.storing.clone()
    }

    /// Applies the first of the entries in memory. It never waits for the disk.
    ///
    /// # Errors
    /// The disk has failed before, or a decision needs a row that was not prepared.
    pub(crate) fn apply_first(&mut self, entries: &[LogEntry]) -> Result<Option<Step>, BooksError> {
        let Some(entry) = entries.first() else { return Ok(None) };
        self.shared.unless_failed()?;
        let mut memory = self.shared.memory();
        let wanted = wanted(&memory, &self.fetched, std::slice::from_ref(entry));
        #[cfg(feature = "planted-bugs")]
        let stuck = crate::planted::gets_stuck(&entry.commands);
        #[cfg(not(feature = "planted-bugs"))]
        let stuck = false;
        if stuck || !wanted.is_empty() || !memory.has_room() {
            // One read serves all entries.
            return Ok(Some(Step::Blocked(Preparation {
                wanted: self::wanted(&memory, &self.fetched, entries),
                connection: Arc::clone(&self.connection),
                shared: Arc::clone(&self.shared),
                #[cfg(feature = "planted-bugs")]
                stuck,
            })));
        }
        let mut ledger = memory.ledger();
        let mut deciding = Deciding::new(&mut memory, &mut self.fetched);
        let outcomes =
            decide(&mut ledger, &mut deciding, entry).map_err(|fault| fault.at(&self.shared.path, "applying"))?;
        let read_from_file = deciding.read_from_file;
        let due = memory.end_entry(ledger, entry.applied.clone(), entry.membership.clone());
        drop(memory);
        if due {
            self.storing.wake();
        }
        Ok(Some(Step::Applied(Effect {
            outcomes,
            ledger,
            read_from_file,
        })))
    }

    /// Takes the rows that a preparation has read. They are for the entries that it was made for.
    pub(crate) fn prepared(&mut self, prepared: Prepared) {
        let Fetched { accounts, ids } = prepared.0;
        self.fetched.accounts.extend(accounts);
        self.fetched.ids.extend(ids);
    }

    /// Forgets the rows that were read for entries that are applied.
    pub(crate) fn end_chunk(&mut self) {
        if !self.fetched.is_empty() {
            self.fetched = Fetched::default();
        }
    }
}

impl Preparation {
    /// Waits for room in memory, and reads rows from the file.
    ///
    /// # Errors
    /// The disk has failed, or the file is damaged or cannot be read.
    pub(crate) fn run(self) -> Result<Prepared, BooksError> {
        #[cfg(feature = "planted-bugs")]
        if self.stuck {
            crate::planted::get_stuck();
        }
        self.shared.wait_for_room()?;
        if self.wanted.is_empty() {
            return Ok(Prepared(Fetched::default()));
        }
        self.connection.fetch(&self.wanted, &self.shared).map(Prepared)
    }
}

impl Drop for BooksFile {
    /// Stores all that is applied and closes the file, unless the disk has failed.
    fn drop(&mut self) {
        self.connection.close();
        self.storing.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

/// What the entries need and memory lacks.
fn wanted(memory: &Memory, fetched: &Fetched, entries: &[LogEntry]) -> Wanted {
    let mut wanted = Wanted::default();
    for command in entries.iter().flat_map(|entry| entry.commands.iter()) {
        wanted.add(command, memory, fetched);
    }
    wanted
}

fn decide(ledger: &mut Ledger, deciding: &mut Deciding<'_>, entry: &LogEntry) -> Result<Vec<Applied>, Fault> {
    let commands = entry.commands.to_vec();
    #[cfg(feature = "planted-bugs")]
    let commands = {
        let mut commands = commands;
        crate::planted::before_apply(ledger.position, &mut commands);
        commands
    };
    commands
        .into_iter()
        .map(|command| apply_one(entry.rule, ledger, deciding, command))
        .collect()
}

#[cfg(not(feature = "planted-bugs"))]
fn apply_one(
    rule: DigestRule,
    ledger: &mut Ledger,
    deciding: &mut Deciding<'_>,
    command: Command,
) -> Result<Applied, Fault> {
    ledger.apply_by(rule, deciding, command)
}

#[cfg(feature = "planted-bugs")]
use crate::planted::apply as apply_one;

/// Calls that wait, for tests.
#[cfg(test)]
impl BooksFile {
    /// Applies commands as one log entry by the newest digest rule.
    pub(crate) fn apply(
        &mut self,
        commands: Vec<Command>,
        applied: Vec<u8>,
        membership: Option<Vec<u8>>,
    ) -> Result<Vec<Applied>, BooksError> {
        let entry = LogEntry {
            rule: DigestRule::NEWEST,
            commands: commands.into(),
            applied,
            membership,
        };
        let effects = self.apply_entries(&[entry])?;
        Ok(effects.into_iter().flat_map(|effect| effect.outcomes).collect())
    }

    pub(super) fn apply_entries(&mut self, mut entries: &[LogEntry]) -> Result<Vec<Effect>, BooksError> {
        let mut effects = Vec::new();
        while let Some(step) = self.apply_first(entries)? {
            match step {
                Step::Applied(effect) => {
                    effects.push(effect);
                    entries = &entries[1..];
                }
                Step::Blocked(preparation) => {
                    let prepared = preparation.run()?;
                    self.prepared(prepared);
                }
            }
        }
        self.end_chunk();
        Ok(effects)
    }

    fn wait<T: Send + 'static>(&self, ask: impl FnOnce(&StoringHandle, storing::Done<T>)) -> Result<T, BooksError> {
        let (answer, answered) = std::sync::mpsc::channel();
        ask(&self.storing, Box::new(move |result| drop(answer.send(result))));
        answered
            .recv()
            .unwrap_or_else(|_| Err(BooksError::Stopped("the storing thread has ended".to_owned())))
    }

    /// Stores all that is applied, also if some of it is frozen.
    pub(crate) fn store(&self) -> Result<(), BooksError> {
        self.wait(StoringHandle::store)?;
        self.wait(StoringHandle::store)
    }

    /// Comes to the moment between the begin of a transaction of the storing thread, which is paused, and its commit.
    pub(super) fn begin_to_store(&self) {
        drop(self.shared.memory().freeze());
    }

    pub(super) fn checkpoint(&self) -> Result<Option<Vec<u8>>, BooksError> {
        self.store()?;
        Ok(self.wait(StoringHandle::checkpoint)?.applied)
    }

    pub(super) fn install(&self, incoming: &Path) -> Result<(), BooksError> {
        self.wait(|storing, done| storing.install(incoming.to_owned(), done))
    }
}
