//! A bank of real branch processes on this host.
//!
//! No process outlives its cluster. A branch stops when its stdin is closed, so the branches stop even if this process
//! is killed; a paused branch stops once it is resumed. A cluster that is dropped asks its branches to stop, and kills
//! those that do not.

pub(crate) mod clients;
pub(crate) mod founding;
pub(crate) mod positions;

use crate::branch::BranchProcess;
use crate::certificates::Certificates;
use crate::config::{BANK_FILE, ClusterConfig, ELECTION_TIMEOUT_RELAYED};
use crate::error::ClusterError;
use crate::network::Network;
use crate::ports::Ports;
use crate::programs::Programs;
use bank_client::BankFile;
use futures::future::{join_all, try_join_all};
use rustix::process::Signal;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// Bound on the time until a branch announces its address.
pub const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bound on the time in which a branch drains and stops. After that it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// After this time, [`Cluster::end_all`] reports the branches that still run.
const STOP_UNNAMED: Duration = Duration::from_secs(1);
/// Bound on the time in which branches stop when their cluster is dropped. It is short because dropping blocks the
/// thread.
const DROP_TIMEOUT: Duration = Duration::from_secs(3);

/// The branch processes of one bank.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    /// In the order of the config. Empty before the start and after the stop.
    branches: Vec<BranchProcess>,
    bank: Option<BankFile>,
    /// The relays between the branches. `None` if the branches reach each other directly.
    network: Option<Network>,
    /// Read at the start. `None` without TLS.
    certificates: Option<Certificates>,
}

impl Cluster {
    /// A cluster whose branches reach each other directly. No process runs yet.
    pub fn new(config: ClusterConfig) -> Self {
        Cluster {
            config,
            branches: Vec::new(),
            bank: None,
            network: None,
            certificates: None,
        }
    }

    /// A cluster whose branches reach each other through a [`Network`] that can be degraded. The election timeout is at
    /// least 1 s, so that a slow network does not look like a lost leader. No process runs yet.
    ///
    /// # Errors
    /// There are not enough ports or file descriptors for the relays, or a branch's port is taken.
    pub async fn relayed(mut config: ClusterConfig) -> Result<Self, ClusterError> {
        config.election_timeout = config.election_timeout.max(ELECTION_TIMEOUT_RELAYED);
        // A relay must not get the port of a branch.
        let _held = config.ports.held(&config.branches).await?;
        let network = Network::between(&config.branches)
            .await
            .map_err(ClusterError::Network)?;
        let mut cluster = Cluster::new(config);
        cluster.network = Some(network);
        Ok(cluster)
    }

    /// Starts all branches at once, and waits until each of them listens. Calls `listens` for each branch that does.
    /// After that, [`Cluster::found`] founds a bank, or [`Cluster::recognise`] names the bank that the branches already
    /// have.
    ///
    /// # Errors
    /// A port is taken or out of range: then no branch is started. Or a branch cannot be started, or ends: then those
    /// that run are stopped when the cluster is dropped.
    pub async fn start(&mut self, listens: impl Fn()) -> Result<(), ClusterError> {
        let addresses = self.config.ports.addresses(&self.config.branches).await?;
        fs::create_dir_all(&self.config.dir).map_err(ClusterError::Directory)?;
        bank_auth::file::read_or_create(&self.config.secret_path())?;
        if let Some(directory) = self.config.certs_dir() {
            self.certificates = Some(Certificates::of(&directory, &self.config.branches)?);
        }
        for (&number, listen) in self.config.branches.iter().zip(addresses) {
            self.branches.push(self.spawn(number, listen)?);
        }
        let network = self.network.as_ref();
        let announced = self.branches.iter_mut().map(async |branch| {
            branch.address = branch.announced(ANNOUNCE_TIMEOUT).await?;
            if let Some(network) = network {
                network.listens(branch.number, branch.address);
            }
            listens();
            Ok::<_, ClusterError>(())
        });
        try_join_all(announced).await?;
        Ok(())
    }

    fn spawn(&self, number: u32, listen: SocketAddr) -> Result<BranchProcess, ClusterError> {
        BranchProcess::spawn(&self.config, number, listen, self.via(number))
    }

    /// The addresses at which a branch reaches the others: those of the relays, or those that the config names. The
    /// bank may have older addresses.
    fn via(&self, number: u32) -> impl Iterator<Item = (u32, SocketAddr)> {
        let relays = self.network.iter().flat_map(move |network| network.via(number));
        let known = match &self.config.ports {
            Ports::Kept(addresses) if self.network.is_none() => addresses.as_slice(),
            _ => &[],
        };
        let known = self.config.branches.iter().copied().zip(known.iter().copied());
        relays.chain(known.filter(move |(other, _)| *other != number))
    }

    /// The branches' numbers, in the order of the config.
    pub fn numbers(&self) -> Vec<u32> {
        self.config.branches.clone()
    }

    /// The bank. `None` before it is founded.
    pub fn bank(&self) -> Option<&BankFile> {
        self.bank.as_ref()
    }

    /// The relays between the branches. `None` if the cluster is not [`Cluster::relayed`].
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// The path of the bank file, which [`Cluster::found`] writes.
    pub fn bank_path(&self) -> PathBuf {
        self.config.dir.join(BANK_FILE)
    }

    /// The programs that the cluster starts.
    pub fn programs(&self) -> &Programs {
        &self.config.programs
    }

    /// The address at which a branch listens.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn address(&self, branch: u32) -> Result<SocketAddr, ClusterError> {
        Ok(self.find(branch)?.address)
    }

    /// The pid of a branch. `None` while it does not run.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn pid(&self, branch: u32) -> Result<Option<u32>, ClusterError> {
        Ok(self.find(branch)?.pid())
    }

    /// A branch's data directory.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn data_dir(&self, branch: u32) -> Result<PathBuf, ClusterError> {
        Ok(self.find(branch)?.data_dir())
    }

    /// The file with all that a branch has written to stderr, over all its starts.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn log_path(&self, branch: u32) -> Result<PathBuf, ClusterError> {
        Ok(self.find(branch)?.log_path())
    }

    /// The error for a branch that has ended, with the last line of its log. `None` while it runs.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn ended(&self, branch: u32) -> Result<Option<ClusterError>, ClusterError> {
        Ok(self.find(branch)?.failed())
    }

    /// Kills a branch (SIGKILL), and waits until its process has ended.
    ///
    /// # Errors
    /// There is no such branch, or the operating system refuses.
    pub async fn kill(&self, branch: u32) -> Result<(), ClusterError> {
        let branch = self.find(branch)?;
        branch.signal(Signal::KILL)?;
        branch.ended().await;
        Ok(())
    }

    /// Pauses a branch (SIGSTOP): it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// There is no such branch, or the operating system refuses.
    pub fn pause(&self, branch: u32) -> Result<(), ClusterError> {
        self.find(branch)?.signal(Signal::STOP)
    }

    /// Resumes a branch (SIGCONT).
    ///
    /// # Errors
    /// There is no such branch, or the operating system refuses.
    pub fn resume(&self, branch: u32) -> Result<(), ClusterError> {
        self.find(branch)?.signal(Signal::CONT)
    }

    /// Asks a branch to stop (SIGTERM), and waits until it has drained and ended.
    ///
    /// # Errors
    /// There is no such branch, or the operating system refuses.
    pub async fn stop_branch(&self, branch: u32) -> Result<ExitStatus, ClusterError> {
        let branch = self.find(branch)?;
        branch.signal(Signal::TERM)?;
        Ok(branch.ended().await)
    }

    /// Waits until a branch has ended, for whatever reason.
    ///
    /// # Errors
    /// There is no such branch.
    pub async fn branch_ended(&self, branch: u32) -> Result<ExitStatus, ClusterError> {
        Ok(self.find(branch)?.ended().await)
    }

    /// Restarts a branch that has ended, on its data directory and its port, and waits until it listens.
    ///
    /// # Errors
    /// The branch still runs, or it does not start; the error holds the last line of its log.
    pub async fn restart(&self, branch: u32) -> Result<(), ClusterError> {
        let process = self.find(branch)?;
        process.respawn(&self.config, self.via(branch))?;
        process.announced(ANNOUNCE_TIMEOUT).await.map(|_| ())
    }

    /// Asks all branches to stop, waits for them, and kills those that do not stop within [`STOP_TIMEOUT`].
    ///
    /// # Errors
    /// The first branch that had ended before, that failed while it stopped, or that had to be killed. No branch runs
    /// then, either.
    pub async fn stop(&mut self) -> Result<(), ClusterError> {
        let early = self.branches.iter().find_map(BranchProcess::failed);
        let late = self.end_all(|_, _| ()).await.into_iter().next();
        early.or(late).map_or(Ok(()), Err)
    }

    /// Stops the branches that still run, as [`Cluster::stop`] does. Returns an error for each branch that failed while
    /// it stopped or had to be killed. Calls `waits_for` with the number and the pid of each branch that still runs
    /// after a second.
    pub async fn end_all(&mut self, mut waits_for: impl FnMut(u32, u32)) -> Vec<ClusterError> {
        let mut branches = std::mem::take(&mut self.branches);
        branches.retain(|branch| branch.pid().is_some());
        branches.iter().for_each(BranchProcess::ask_to_stop);
        let stopped = branches.iter().map(async |branch| {
            branch.close_stdin();
            match tokio::time::timeout(STOP_TIMEOUT, branch.ended()).await {
                Ok(status) => branch.ended_badly(status),
                // Dropping `branches` kills it.
                Err(_) => Some(ClusterError::Stuck {
                    branch: branch.number,
                    log: branch.log_path(),
                }),
            }
        });
        let mut stopped = std::pin::pin!(join_all(stopped));
        let at_once = tokio::time::timeout(STOP_UNNAMED, &mut stopped).await;
        let failed = match at_once {
            Ok(failed) => failed,
            Err(_) => {
                let running = branches
                    .iter()
                    .filter_map(|branch| Some((branch.number, branch.pid()?)));
                running.for_each(|(branch, pid)| waits_for(branch, pid));
                stopped.await
            }
        };
        failed.into_iter().flatten().collect()
    }

    /// Kills all branches at once.
    pub fn kill_all(&mut self) {
        for branch in &self.branches {
            let _ = branch.signal(Signal::KILL);
        }
        self.branches.clear();
    }

    /// The error for a branch that has ended, if there is one: it explains more than `error`. Otherwise `error`.
    fn blame(&self, error: ClusterError) -> ClusterError {
        self.branches.iter().find_map(BranchProcess::failed).unwrap_or(error)
    }

    fn find(&self, branch: u32) -> Result<&BranchProcess, ClusterError> {
        let found = self.branches.iter().find(|process| process.number == branch);
        found.ok_or(ClusterError::NoSuchBranch(branch))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.branches.iter().for_each(BranchProcess::ask_to_stop);
        self.branches.iter().for_each(BranchProcess::close_stdin);
        let deadline = Instant::now() + DROP_TIMEOUT;
        for branch in &self.branches {
            branch.wait_until(deadline);
        }
        // Dropping the branches kills those that still run.
        self.branches.clear();
    }
}
