//! How the branches of a cluster come by their bank: it is founded on them, once, or recognised.

use super::Cluster;
use crate::branch::BranchProcess;
use crate::config::ClusterConfig;
use crate::error::ClusterError;
use bank_client::operator::{Founded, Operator};
use bank_client::{Address, BankFile, Branch, Failure};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A bank that is not founded, or a branch that is not ready by then, is stuck. Many processes on few cores elect slowly.
pub const FOUND_TIMEOUT: Duration = Duration::from_secs(60);
/// Founding is asked again where it was cut short, as the bank allows: many processes on few cores are slow to answer.
const FOUND_ATTEMPTS_MAX: u32 = 10;
/// Before it is asked again; meanwhile it is noticed that a branch has ended, which says more than that it does not answer.
const FOUND_AGAIN: Duration = Duration::from_millis(100);

impl Cluster {
    /// Starts, founds and waits until every branch is ready.
    ///
    /// # Errors
    /// Whatever has been started is stopped.
    pub async fn running(config: ClusterConfig, opening_balance: i64) -> Result<Self, ClusterError> {
        let mut cluster = Cluster::new(config);
        cluster.run(opening_balance).await?;
        Ok(cluster)
    }

    /// The same of a cluster that is there.
    ///
    /// # Errors
    /// Those that were started are stopped when the cluster is dropped.
    pub async fn run(&mut self, opening_balance: i64) -> Result<(), ClusterError> {
        self.start(|| ()).await?;
        self.found(opening_balance, 0).await?;
        self.await_position(&self.numbers(), 1, FOUND_TIMEOUT).await
    }

    /// Founds the bank on all the branches and writes `bank.json` in the cluster's directory. `voters`: how many of
    /// them vote; 0: as many as the bank thinks right.
    ///
    /// # Errors
    /// The bank says why not.
    pub async fn found(&mut self, opening_balance: i64, voters: u32) -> Result<&BankFile, ClusterError> {
        let branches = self.listening();
        let first = first_of(&branches)?;
        let founded = self.init(&first.address, &branches, opening_balance, voters).await?;
        self.keep_bank(founded.bank_id, branches)
    }

    /// Founds the bank on branches on which that may have been begun before, with the same balance and voters: ends what
    /// was begun, or recognises that it had come to its end unheard.
    ///
    /// # Errors
    /// As [`Cluster::found`].
    pub async fn found_again(&mut self, opening_balance: i64, voters: u32) -> Result<(), ClusterError> {
        let Err(refused) = self.found(opening_balance, voters).await else {
            return Ok(());
        };
        let branches = self.listening();
        let status = Operator::at(first_of(&branches)?.address.clone(), FOUND_TIMEOUT)
            .status()
            .await;
        let open = status.ok().filter(|status| status.position > 0);
        match open.and_then(|status| status.bank_id) {
            Some(bank_id) => self.keep_bank(bank_id, branches).map(|_| ()),
            None => Err(refused),
        }
    }

    /// Its branches are those of this bank, founded before.
    pub fn recognise(&mut self, bank: BankFile) {
        self.bank = Some(bank);
    }

    /// Where each branch listens, once started.
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
        at: &Address,
        branches: &[Branch],
        opening_balance: i64,
        voters: u32,
    ) -> Result<Founded, ClusterError> {
        let secret = bank_auth::file::read(&self.config.secret_path())?;
        let deadline = Instant::now() + FOUND_TIMEOUT;
        let mut attempt = 1;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let source = match Operator::at(at.clone(), left)
                .with_secret(secret.clone())
                .init(branches, opening_balance, voters)
                .await
            {
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

/// Who is asked on behalf of all: always the same one.
fn first_of(branches: &[Branch]) -> Result<&Branch, ClusterError> {
    let first = branches.iter().min_by_key(|branch| branch.branch);
    first.ok_or(ClusterError::NoBranches)
}
