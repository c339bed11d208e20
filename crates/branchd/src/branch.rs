//! One branch, from the start of its process to its end. A new branch has no bank. Once it has a bank, it keeps that
//! bank.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bank_auth::{BranchIdentity, Party, Secret};
use bank_tls::Proof;
use bank_wal::Wal;
use tokio::sync::{Mutex, OnceCell, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::access::{Access, LiveTokens};
use crate::agreement::Agreement;
use crate::branch_error::{AdoptError, BankUnavailable, BranchError};
use crate::callers::Customers;
use crate::certificates::Certificates;
use crate::comparison::Comparison;
use crate::config::Config;
use crate::directory::DataDirectory;
use crate::directory::secret::{self, BranchSecretError};
use crate::disk::Space;
use crate::file_reads::FileReads;
use crate::peers::{Identity, Peers};
use crate::reads::Reads;
use crate::reconfiguration::{CatchingUp, Members, Standing};
use crate::replication::Parts;
use crate::replication::engine::Engine;
use crate::replication::fit;
use crate::scrubbing::Scrubbing;
use crate::stop::Stop;
use crate::store::{BooksFile, Reader};
use crate::unjoined;
use crate::writes::propagation::Propagation;
use crate::writes::writer::Writer;

/// How long the tasks of a stopping branch may take to end. The last attempt of a batch takes at most half of this.
const TASKS_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a branch cannot go on.
pub(crate) enum Ending {
    /// A complete message for the operator. It says what to do now.
    Said(String),
    /// The error of the engine or the journal.
    Engine(String),
}

/// The open bank of a branch.
pub(crate) struct Bank {
    pub(crate) identity: Identity,
    pub(crate) engine: Engine,
    pub(crate) writer: Writer,
    pub(crate) reads: Reads,
    pub(crate) propagation: Propagation,
    pub(crate) books: Reader,
    pub(crate) file_reads: FileReads,
    pub(crate) scrubbing: Scrubbing,
    pub(crate) journal: Arc<Wal>,
    pub(crate) members: Arc<Members>,
    pub(crate) standing: Standing,
    pub(crate) catching_up: CatchingUp,
    pub(crate) agreement: Agreement,
}

/// One branch. Its services share it.
pub(crate) struct Branch {
    pub(crate) config: Config,
    /// The address on which the branch listens, as bound.
    pub(crate) address: String,
    /// The address on which the branch listens for other branches, as bound. `None`: at `address` too.
    pub(crate) peer_address: Option<String>,
    pub(crate) directory: Arc<DataDirectory>,
    /// The secret of the branch's bank, or of the bank that it will have. Only a branch with certificates may have none.
    pub(crate) secret: Option<Secret>,
    /// `None`: nothing is encrypted.
    pub(crate) certificates: Option<Certificates>,
    pub(crate) peers: Peers,
    pub(crate) customers: Customers,
    /// What callers may do.
    pub(crate) access: Arc<Access>,
    bank: OnceCell<Bank>,
    /// Held during a founding or an adoption, so that these take turns.
    pub(crate) founding: Mutex<()>,
    /// The reason why the branch has to end at once, if there is one.
    pub(crate) stop: Stop,
    /// Cancelled when the branch begins to stop.
    stopping: CancellationToken,
    /// The tasks of this branch, which end after `stopping`.
    tasks: TaskTracker,
    opened: watch::Sender<bool>,
}

impl Branch {
    /// Locks the data directory, and opens the bank if the directory names one.
    ///
    /// # Errors
    /// See [`BranchError`].
    pub(crate) async fn open(
        config: Config,
        address: String,
        peer_address: Option<String>,
    ) -> Result<Self, BranchError> {
        let (data, branch, source) = (config.data.clone(), config.branch, config.secret.clone());
        let tls = config.tls.clone();
        let token_file = config.token_file.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let certificates = tls.map(|tls| Certificates::load(tls.clients, tls.branches, branch));
            let certificates = certificates.transpose()?;
            let directory = DataDirectory::open(&data, branch)?;
            if let Some(certificates) = &certificates {
                certificates.check_directory(directory.bank_id())?;
            }
            directory.remove_strays();
            let secret = secret::settle(&directory, &source, certificates.is_some())?;
            if directory.bank_id().is_none() {
                unjoined::clear(&directory)?;
            }
            let tokens = token_file.as_deref().map(LiveTokens::open).transpose()?;
            Ok::<_, BranchError>((Arc::new(directory), secret, certificates, tokens))
        });
        let (directory, secret, certificates, tokens) = taken.await??;
        let access = Access::new(config.client_cert_auth, tokens, certificates.clone());
        let me = BranchIdentity {
            branch: config.branch,
            replica: directory.replica(),
        };
        let proof = match (&certificates, &secret) {
            (Some(certificates), _) => Proof::Certificate(certificates.branches().clone()),
            (None, Some(secret)) => Proof::Secret(secret.clone()),
            (None, None) => return Err(BranchSecretError::NoneGiven { branch: config.branch }.into()),
        };
        let branch = Self {
            peers: Peers::new(config.via.clone(), Party::Branch(me), proof),
            config,
            address,
            peer_address,
            directory,
            secret,
            certificates,
            customers: Customers::default(),
            access: Arc::new(access),
            bank: OnceCell::new(),
            founding: Mutex::new(()),
            stop: Stop::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            opened: watch::Sender::new(false),
        };
        if let Some(certificates) = branch.certificates.clone() {
            let peers = branch.peers.clone();
            branch.spawn(certificates.keep_current(move || peers.renew()));
        }
        if let Some(bank_id) = branch.directory.bank_id() {
            branch.open_bank(bank_id).await?;
        }
        Ok(branch)
    }

    /// The number of this branch and its replica id.
    pub(crate) fn myself(&self) -> BranchIdentity {
        BranchIdentity {
            branch: self.config.branch,
            replica: self.directory.replica(),
        }
    }

    /// Makes this a branch of the bank. Does nothing if it is a branch of this bank already. The caller holds
    /// `founding`.
    ///
    /// # Errors
    /// See [`AdoptError`].
    pub(crate) async fn adopt(&self, bank_id: Uuid) -> Result<(), AdoptError> {
        if let Some(bank) = self.directory.bank_id().filter(|bank| *bank != bank_id) {
            let branch = self.config.branch;
            return Err(AdoptError::OtherBank { branch, bank });
        }
        if let Some(bank) = self
            .certificates
            .as_ref()
            .map(Certificates::bank)
            .filter(|bank| *bank != bank_id)
        {
            let branch = self.config.branch;
            return Err(AdoptError::OtherCertificate { branch, bank });
        }
        Ok(self.open_bank(bank_id).await?)
    }

    async fn open_bank(&self, bank_id: Uuid) -> Result<(), BranchError> {
        self.bank.get_or_try_init(|| self.make_bank(bank_id)).await?;
        self.opened.send_replace(true);
        Ok(())
    }

    async fn make_bank(&self, bank_id: Uuid) -> Result<Bank, BranchError> {
        let replica = self.directory.replica();
        let identity = Identity {
            bank_id,
            branch: self.config.branch,
            replica,
        };
        let stamp = self.directory.wal_stamp(bank_id);
        let joined = self.directory.bank_id().is_some();
        let directory = Arc::clone(&self.directory);
        let accept_copy = self.config.accept_moved;
        let files = tokio::task::spawn_blocking(move || {
            if !joined {
                unjoined::clear(&directory)?;
            }
            // A branch that has joined may have acknowledged writes and votes. Without its journal it does not know
            // which.
            let options = bank_wal::Options {
                must_exist: joined,
                accept_copy,
                ..Default::default()
            };
            let journal = Wal::open(&directory.journal(), stamp, options)?;
            let (file, books) = BooksFile::open(&directory.ledger(), *bank_id.as_bytes())?;
            if !joined {
                directory.join(bank_id)?;
            }
            Ok::<_, BranchError>((Arc::new(journal), file, books))
        });
        let (journal, file, books) = files.await??;
        let fits = fit::check_start(&journal.bounds(), &file.applied_state());
        fits.map_err(|misfit| BranchError::Engine(io::Error::other(misfit)))?;
        let agreement = Agreement::new(books.ledger());
        let parts = Parts {
            identity,
            wal: Arc::clone(&journal),
            books: file,
            reader: books.clone(),
            scratch: self.directory.path().to_owned(),
            timing: self.config.timing,
            checkpoint_entries: self.config.checkpoint_entries,
            peers: self.peers.clone(),
            stop: self.stop.clone(),
            agreement: agreement.clone(),
            space: Space::new(Arc::clone(&journal), self.directory.path().to_owned()),
        };
        let engine = Engine::open(parts).await.map_err(BranchError::Engine)?;
        // The longest time that a voter waits for a leader.
        let window = self.config.timing.election_timeout_max();
        let members = Members::new(identity, engine.clone(), self.peers.clone(), window);
        let members = Arc::new(members);
        self.spawn(Arc::clone(&members).drive());
        let standing = Standing::new(!joined);
        let followed = standing.clone();
        self.spawn(followed.follow(identity, engine.clone(), self.peers.clone(), window));
        let catching_up = CatchingUp::new(&engine, !joined);
        self.spawn(catching_up.clone().follow(engine.clone()));
        let writer = Writer::start(identity, &engine, &self.peers, &self.tasks, &self.stopping);
        let reads = Reads::new(identity, engine.clone(), self.peers.clone());
        let propagation = Propagation::new(identity, engine.clone(), reads.clone(), self.peers.clone());
        let comparison = Comparison {
            identity,
            engine: engine.clone(),
            peers: self.peers.clone(),
            agreement: agreement.clone(),
            stop: self.stop.clone(),
            directory: self.directory.path().to_owned(),
        };
        self.spawn(comparison.run());
        let (file_reads, scrubbing) = (FileReads::default(), Scrubbing::default());
        let pace = self.config.scrub_rows_per_second;
        self.spawn(scrubbing.clone().run(books.clone(), file_reads.clone(), pace));
        tracing::info!(branch = identity.branch, bank = %bank_id, position = books.position(), "the books are open");
        Ok(Bank {
            identity,
            engine,
            writer,
            reads,
            propagation,
            books,
            file_reads,
            scrubbing,
            journal,
            members,
            standing,
            catching_up,
            agreement,
        })
    }

    /// Runs a task until it ends or the branch stops.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks
            .spawn(async move { stopping.run_until_cancelled_owned(task).await });
    }

    /// The bank, if this branch has one.
    pub(crate) fn bank_if_any(&self) -> Option<&Bank> {
        self.bank.get()
    }

    /// The bank, if the branch can serve it now.
    ///
    /// # Errors
    /// See [`BankUnavailable`].
    pub(crate) fn bank(&self) -> Result<&Bank, BankUnavailable> {
        let branch = self.config.branch;
        if self.stop.is_set() {
            return Err(BankUnavailable::Ending { branch });
        }
        self.bank_if_any().ok_or(BankUnavailable::None { branch })
    }

    /// Tells all streams and tasks of this branch that it stops.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
    }

    /// Resolves when [`Self::stop`] is called.
    pub(crate) fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        self.stopping.clone().cancelled_owned()
    }

    /// Resolves with the reason when this branch cannot go on.
    pub(crate) async fn failed(&self) -> Ending {
        tokio::select! {
            said = self.stop.wait() => Ending::Said(said.to_string()),
            reason = self.engine_failed() => match self.stop.reason() {
                // The reason that stopped the engine says more than the engine's own error.
                Some(said) => Ending::Said(said.to_string()),
                None => Ending::Engine(reason),
            },
        }
    }

    async fn engine_failed(&self) -> String {
        let mut opened = self.opened.subscribe();
        if opened.wait_for(|opened| *opened).await.is_err() {
            return futures::future::pending().await;
        }
        match self.bank_if_any() {
            Some(bank) => {
                let reason = bank.engine.failed().await;
                // The engine knows that its log has failed. The journal knows the file and the cause.
                bank.journal.failure().unwrap_or(reason)
            }
            None => futures::future::pending().await,
        }
    }

    /// Lets another branch lead, if this branch leads and is configured to hand over.
    pub(crate) async fn close_lead(&self) {
        if let Some(bank) = self.bank_if_any()
            && self.config.hand_over
            && bank.engine.is_leader()
        {
            bank.engine.hand_over().await;
        }
    }

    /// Waits for the tasks of a stopping branch, shuts the engine down and closes the files.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        if tokio::time::timeout(TASKS_TIMEOUT, self.tasks.wait()).await.is_err() {
            let tasks = self.tasks.len();
            tracing::warn!(
                tasks,
                "tasks were still under way after {TASKS_TIMEOUT:?}: they are cut off"
            );
        }
        let Some(bank) = self.bank_if_any() else { return };
        bank.engine.shutdown().await;
        let journal = Arc::clone(&bank.journal);
        match tokio::task::spawn_blocking(move || journal.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the journal was not closed cleanly"),
            Err(error) => tracing::warn!(%error, "the journal was not closed"),
        }
    }
}
