//! Founds the bank of a cluster, or takes over a bank that was founded before.

use super::Cluster;
use crate::branch::BranchProcess;
use crate::config::ClusterConfig;
use crate::error::ClusterError;
use bank_client::operator::{Founded, NewBranch};
use bank_client::{BankFile, Branch, Failure};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Bound on founding a bank, and on waiting until a branch is ready. Many processes on few cores elect slowly.
pub const FOUND_TIMEOUT: Duration = Duration::from_secs(60);
/// Founding is repeated if a call was cut short, as the protocol allows. Many processes on few cores answer slowly.
const FOUND_ATTEMPTS_MAX: u32 = 10;
/// Pause before the next attempt. A branch that has ended is noticed meanwhile, and makes a better error.
const FOUND_AGAIN: Duration = Duration::from_millis(100);

impl Cluster {
    /// Makes a cluster and calls [`Cluster::run`] on it.
    ///
    /// # Errors
    /// A branch cannot be started, or the bank cannot be founded. No branch runs then.
    pub async fn running(config: ClusterConfig, opening_balance: i64) -> Result<Self, ClusterError> {
        let mut cluster = Cluster::new(config);
        cluster.run(opening_balance).await?;
        Ok(cluster)
    }

    /// Starts the branches, founds a bank on them, and waits until each branch is ready.
    ///
    /// # Errors
    /// A branch cannot be started, or the bank cannot be founded. The branches that run are stopped when the cluster is
    /// dropped.
    pub async fn run(&mut self, opening_balance: i64) -> Result<(), ClusterError> {
        self.start(|| ()).await?;
        self.found(opening_balance, 0).await?;
        self.await_position(&self.numbers(), 1, FOUND_TIMEOUT).await
    }

    /// Founds a bank on all branches, and writes the bank file. `voters` is the number of branches that vote; 0 lets
    /// the bank choose.
    ///
    /// # Errors
    /// A branch refuses, or does not answer in time; or the bank file cannot be written.
    pub async fn found(&mut self, opening_balance: i64, voters: u32) -> Result<&BankFile, ClusterError> {
        let branches = self.listening();
        let first = first_of(&branches)?;
        let founded = self.init(first.branch, &branches, opening_balance, voters).await?;
        self.keep_bank(founded.bank_id, branches)
    }

    /// Founds a bank on branches on which an earlier attempt, with the same balance and voters, may have been cut
    /// short. Completes that attempt; or takes over its bank, if the attempt had succeeded.
    ///
    /// # Errors
    /// A branch refuses, or does not answer in time; or the bank file cannot be written.
    pub async fn found_again(&mut self, opening_balance: i64, voters: u32) -> Result<(), ClusterError> {
        let Err(refused) = self.found(opening_balance, voters).await else {
            return Ok(());
        };
        let branches = self.listening();
        let status = self
            .operator(first_of(&branches)?.branch, FOUND_TIMEOUT)?
            .status()
            .await;
        let open = status.ok().filter(|status| status.position > 0);
        match open.and_then(|status| status.bank_id) {
            Some(bank_id) => self.keep_bank(bank_id, branches).map(|_| ()),
            None => Err(refused),
        }
    }

    /// Takes over a bank that was founded on these branches before. If branches listen at other addresses than in the
    /// bank file, the file is written again.
    ///
    /// # Errors
    /// The bank file cannot be written.
    pub fn recognise(&mut self, bank: BankFile) -> Result<(), ClusterError> {
        let mut branches = bank.branches().to_vec();
        for branch in &mut branches {
            if let Ok(process) = self.find(branch.branch) {
                branch.address = process.address.into();
            }
        }
        if branches != bank.branches() {
            self.keep_bank(bank.bank_id(), branches)?;
            return Ok(());
        }
        self.bank = Some(bank);
        Ok(())
    }

    /// The address of each branch. Empty before the start.
    pub fn listening(&self) -> Vec<Branch> {
        let branch = |branch: &BranchProcess| Branch {
            branch: branch.number,
            address: branch.address.into(),
        };
        self.branches.iter().map(branch).collect()
    }

    fn keep_bank(&mut self, id: Uuid, branches: Vec<Branch>) -> Result<&BankFile, ClusterError> {
        let bank = BankFile::new(id, branches)?;
        bank.save(&self.bank_path())?;
        Ok(self.bank.insert(bank))
    }

    async fn init(
        &self,
        at: u32,
        branches: &[Branch],
        opening_balance: i64,
        voters: u32,
    ) -> Result<Founded, ClusterError> {
        let secret = bank_auth::file::read(&self.config.secret_path())?;
        let branches: Vec<NewBranch> = branches.iter().map(NewBranch::from).collect();
        let deadline = Instant::now() + FOUND_TIMEOUT;
        let mut attempt = 1;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // With TLS, the certificate counts.
            let operator = self.operator(at, left)?.with_secret(secret.clone());
            let source = match operator.init(&branches, opening_balance, voters).await {
                Ok(founded) => return Ok(founded),
                Err(source) => source,
            };
            let cut_short = matches!(
                source.cause,
                Failure::TimedOut { .. }
                    | Failure::Unfinished { .. }
                    | Failure::Lost { .. }
                    | Failure::Unavailable { .. }
                    | Failure::Unreachable { .. }
            );
            let dead = self.branches.iter().any(|branch| branch.pid().is_none());
            if !cut_short || dead || attempt == FOUND_ATTEMPTS_MAX || Instant::now() >= deadline {
                return Err(self.blame(ClusterError::Founding(source)));
            }
            attempt += 1;
            tokio::time::sleep(FOUND_AGAIN).await;
        }
    }
}

/// The branch with the lowest number. Every attempt asks the same one.
fn first_of(branches: &[Branch]) -> Result<&Branch, ClusterError> {
    let first = branches.iter().min_by_key(|branch| branch.branch);
    first.ok_or(ClusterError::NoBranches)
}
