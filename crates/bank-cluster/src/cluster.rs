//! A bank of real branch processes on this host: start, found, wait, kill, pause, restart, stop. The launcher runs
//! inputs on it; end-to-end tests use it as it is.
//!
//! No child survives its cluster. A branch ends when its stdin does, so a launcher that is killed takes its branches
//! along (a paused one once it is resumed); a cluster that is dropped stops them politely, then kills. Kept branches
//! ([`Lifetime::Kept`]) are the exception, once [`Cluster::leave`] has been called.

pub(crate) mod founding;
pub(crate) mod positions;

use crate::branch::BranchProcess;
use crate::config::{ClusterConfig, ELECTION_TIMEOUT_RELAYED, Lifetime};
use crate::error::ClusterError;
use crate::network::Network;
use crate::programs::Programs;
use bank_client::BankFile;
use futures::future::{join_all, try_join_all};
use rustix::process::Signal;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// A branch that has not said where it listens by then is stuck.
pub const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(30);
/// Branches that drain longer than this are killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Whoever waits for a stop longer than this is told for which branches.
const STOP_UNNAMED: Duration = Duration::from_secs(1);
/// The same where nobody awaits the stop: on drop.
const DROP_TIMEOUT: Duration = Duration::from_secs(3);

/// The branches of one bank, as processes.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    /// In the order of the config, once started.
    branches: Vec<BranchProcess>,
    bank: Option<BankFile>,
    /// What the branches reach each other through, where that is not themselves.
    network: Option<Network>,
}

impl Cluster {
    /// Nothing runs yet.
    pub fn new(config: ClusterConfig) -> Self {
        Cluster {
            config,
            branches: Vec::new(),
            bank: None,
            network: None,
        }
    }

    /// The same, but its branches reach each other through a [`Network`] that can be bent, and are a little more patient with
    /// their leader: a slow network must not look like a lost one.
    ///
    /// # Errors
    /// There are not enough ports or file descriptors for it, or a branch's port is taken.
    pub async fn relayed(mut config: ClusterConfig) -> Result<Self, ClusterError> {
        config.election_timeout = config.election_timeout.max(ELECTION_TIMEOUT_RELAYED);
        // Or else a relay might be given the port of a branch.
        let _held = config.ports.held(&config.branches)?;
        let network = Network::between(&config.branches)
            .await
            .map_err(ClusterError::Network)?;
        let mut cluster = Cluster::new(config);
        cluster.network = Some(network);
        Ok(cluster)
    }

    /// Starts every branch, all at once, and waits until each listens; `listens` is called for each. They have no bank yet, or
    /// the one of before, for [`Cluster::recognise`].
    ///
    /// # Errors
    /// A port is taken or impossible, before anything is started; a program that cannot be started, or ends. Those
    /// that were started are stopped when the cluster is dropped.
    pub async fn start(&mut self, listens: impl Fn()) -> Result<(), ClusterError> {
        let addresses = self.config.ports.addresses(&self.config.branches)?;
        fs::create_dir_all(&self.config.dir).map_err(ClusterError::Directory)?;
        bank_auth::file::read_or_create(&self.config.secret_path())?;
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

    fn via(&self, number: u32) -> impl Iterator<Item = (u32, SocketAddr)> {
        self.network.iter().flat_map(move |network| network.via(number))
    }

    /// The branches' numbers, in the order of the config.
    pub fn numbers(&self) -> Vec<u32> {
        self.config.branches.clone()
    }

    /// The bank, once founded.
    pub fn bank(&self) -> Option<&BankFile> {
        self.bank.as_ref()
    }

    /// What its branches reach each other through, if it is [`Cluster::relayed`].
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// Where [`Cluster::found`] writes the bank file.
    pub fn bank_path(&self) -> PathBuf {
        self.config.dir.join("bank.json")
    }

    /// The programs that it starts.
    pub fn programs(&self) -> &Programs {
        &self.config.programs
    }

    /// Where a branch listens.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn address(&self, branch: u32) -> Result<SocketAddr, ClusterError> {
        Ok(self.find(branch)?.address)
    }

    /// A branch's process, by its number in this host; none while it does not run.
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

    /// What a branch has written to stderr, over all its starts.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn log_path(&self, branch: u32) -> Result<PathBuf, ClusterError> {
        Ok(self.find(branch)?.log_path())
    }

    /// The error that a branch has ended, with its last words, if it has.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn ended(&self, branch: u32) -> Result<Option<ClusterError>, ClusterError> {
        Ok(self.find(branch)?.failed())
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// There is no such branch, or the operating system refuses.
    pub async fn kill(&self, branch: u32) -> Result<(), ClusterError> {
        let branch = self.find(branch)?;
        branch.signal(Signal::KILL)?;
        branch.ended().await;
        Ok(())
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub fn pause(&self, branch: u32) -> Result<(), ClusterError> {
        self.find(branch)?.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub fn resume(&self, branch: u32) -> Result<(), ClusterError> {
        self.find(branch)?.signal(Signal::CONT)
    }

    /// SIGTERM, and waits until it has drained and ended.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn stop_branch(&self, branch: u32) -> Result<ExitStatus, ClusterError> {
        let branch = self.find(branch)?;
        branch.signal(Signal::TERM)?;
        Ok(branch.ended().await)
    }

    /// Waits until a branch has ended, by itself or not.
    ///
    /// # Errors
    /// There is no such branch.
    pub async fn branch_ended(&self, branch: u32) -> Result<ExitStatus, ClusterError> {
        Ok(self.find(branch)?.ended().await)
    }

    /// Starts a branch that has ended again, on its old data directory and port, and waits until it listens.
    ///
    /// # Errors
    /// It still runs, or does not come up; the error bears its last words.
    pub async fn restart(&self, branch: u32) -> Result<(), ClusterError> {
        let process = self.find(branch)?;
        process.respawn(&self.config, self.via(branch))?;
        process.announced(ANNOUNCE_TIMEOUT).await.map(|_| ())
    }

    /// Stops every branch, all at once, and waits: first politely, then by killing.
    ///
    /// # Errors
    /// Names the first branch that had ended before it was told to, that failed while it stopped, or that had to be
    /// killed. All are gone even so.
    pub async fn stop(&mut self) -> Result<(), ClusterError> {
        let early = self.branches.iter().find_map(BranchProcess::failed);
        let late = self.end_all(|_, _| ()).await.into_iter().next();
        early.or(late).map_or(Ok(()), Err)
    }

    /// The same of those that run, whatever became of others before. Of each that has not ended after a second, `waits_for`
    /// is told the number and the process. Answers which failed or had to be killed; all are gone.
    pub async fn end_all(&mut self, mut waits_for: impl FnMut(u32, u32)) -> Vec<ClusterError> {
        let mut branches = std::mem::take(&mut self.branches);
        branches.retain(|branch| branch.pid().is_some());
        branches.iter().for_each(BranchProcess::ask_to_stop);
        let stopped = branches.iter().map(async |branch| {
            branch.close_stdin();
            match tokio::time::timeout(STOP_TIMEOUT, branch.ended()).await {
                Ok(status) => branch.ended_badly(status),
                // It is killed below, by being dropped.
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

    /// Kills every branch at once.
    pub fn kill_all(&mut self) {
        for branch in &self.branches {
            let _ = branch.signal(Signal::KILL);
        }
        self.branches.clear();
    }

    /// Lets the branches of a [`Lifetime::Kept`] cluster run on, and says their processes' numbers. Those of another
    /// cluster end as ever.
    pub fn leave(mut self) -> Vec<u32> {
        let branches = std::mem::take(&mut self.branches);
        match self.config.lifetime {
            Lifetime::Kept => branches.into_iter().filter_map(BranchProcess::leave).collect(),
            Lifetime::WithLauncher => Vec::new(),
        }
    }

    /// A failure is better explained by a branch that has died, where one has.
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
        // Those still there are killed by being dropped.
        self.branches.clear();
    }
}
