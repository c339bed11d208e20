//! The bank of a benchmark: real branches that are started for it, or a bank that runs already.

use super::accounts;
use super::error::BenchError;
use super::processes::Usage;
use super::settings::Settings;
use bank_client::operator::{BranchStatus, Operator, OperatorError};
use bank_client::{
    Amount, BankFile, Client, ClientOptions, PendingWrite, Propagation, RefusalReason, Security, Session, Write,
    WriteOutcome,
};
use bank_cluster::{Cluster, ClusterConfig, ClusterError, FOUND_TIMEOUT};
use futures::future::join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Number of accounts that are prepared at once.
const PREPARED_AT_ONCE: usize = 128;
/// Money of each account, if operations take some out: more than a benchmark can take, and so little that the sum over
/// all accounts is in range.
const MONEY: i64 = 100_000_000_000;

/// Longest wait for the number of a branch's syncs.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// A look at a branch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BranchLook {
    /// Number of the branch.
    pub(super) branch: u32,
    /// What the operating system tells of its process.
    pub(super) usage: Usage,
    /// Syncs of its journal since its start. `None` if it did not tell them.
    pub(super) syncs: Option<u64>,
}

/// A bank that is measured.
#[derive(Debug)]
pub(super) struct Bank {
    pub(super) file: BankFile,
    /// What secures the calls of customers.
    security: Security,
    own: Option<Own>,
    /// The process of each branch on this host.
    pids: Vec<(u32, Option<u32>)>,
}

/// Branches that were started for the benchmark.
#[derive(Debug)]
struct Own {
    cluster: Cluster,
    /// Removed when it is dropped, after the branches have ended.
    dir: TempDir,
}

impl Bank {
    /// Starts a bank with an opening balance of 0, in a new directory inside `data`.
    pub(super) async fn start(branches: u32, tls: bool, data: &Path) -> Result<Self, BenchError> {
        let failed = |source| BenchError::Data {
            dir: data.to_owned(),
            source,
        };
        fs::create_dir_all(data).map_err(failed)?;
        let dir = tempfile::Builder::new().prefix("passbook-bench-").tempdir_in(data);
        let dir = dir.map_err(failed)?;
        let config = ClusterConfig {
            tls,
            ..ClusterConfig::new(dir.path(), 1..=branches)?
        };
        let cluster = Cluster::running(config, 0).await?;
        let numbers = cluster.numbers();
        let pids = numbers.into_iter().map(|number| Ok((number, cluster.pid(number)?)));
        let pids = pids.collect::<Result<_, BenchError>>()?;
        let file = cluster.bank().cloned();
        Ok(Bank {
            file: file.ok_or(ClusterError::NotFounded)?,
            security: cluster.teller(),
            own: Some(Own { cluster, dir }),
            pids,
        })
    }

    /// Takes a bank that runs. Its branches on this host are found by what they say of themselves.
    pub(super) async fn running(file: BankFile, security: Security, settings: &Settings) -> Self {
        let mut bank = Bank {
            file,
            security,
            own: None,
            pids: Vec::new(),
        };
        let statuses = bank.statuses(settings.timeout()).await;
        let branches = bank.file.branches().iter().zip(statuses);
        let pids = branches.map(|(branch, status)| {
            let said = status.ok().map(|status| status.pid);
            (
                branch.branch,
                said.filter(|pid| branch.address.is_loopback() && is_branch(*pid)),
            )
        });
        bank.pids = pids.collect();
        bank
    }

    /// Directory of the branches' data, if they were started for the benchmark.
    pub(super) fn data(&self) -> Option<PathBuf> {
        self.own.as_ref().map(|own| own.dir.path().to_owned())
    }

    /// The status of each branch, as it tells it.
    pub(super) async fn statuses(&self, timeout: Duration) -> Vec<Result<BranchStatus, OperatorError>> {
        let branches = self.file.branches().iter();
        let asked = branches.map(async |branch| {
            let operator = match &self.own {
                Some(own) => own.cluster.operator(branch.branch, timeout).ok(),
                None => None,
            };
            let operator = operator.unwrap_or_else(|| {
                Operator::at(branch.address.clone(), timeout)
                    .with_security(self.security.clone())
                    .expecting(Some(self.file.bank_id()), Some(branch.branch))
            });
            operator.status().await
        });
        join_all(asked).await
    }

    /// A client for customers.
    pub(super) fn client(&self, options: ClientOptions) -> Client {
        Client::of_bank(&self.file, options).with_security(self.security.clone())
    }

    /// A look at each branch. The processes are looked at before this waits for anything.
    pub(super) async fn look(&self) -> Vec<BranchLook> {
        let pids = self.pids.iter();
        let looks = pids.map(|&(branch, pid)| BranchLook {
            branch,
            usage: pid.map(Usage::of).unwrap_or_default(),
            syncs: None,
        });
        let mut looks: Vec<BranchLook> = looks.collect();
        for status in self.statuses(LOOK_TIMEOUT).await.into_iter().flatten() {
            let looked_at = looks.iter_mut().find(|look| look.branch == status.branch);
            if let Some(look) = looked_at {
                look.syncs = status.journal_syncs;
            }
        }
        looks
    }

    /// Opens the accounts, and pays money in if operations take some out. Calls `prepared` for each account. Returns the
    /// sum that was paid in.
    pub(super) async fn prepare(&self, settings: &Settings, prepared: impl Fn()) -> Result<i64, BenchError> {
        let options = ClientOptions {
            timeout: FOUND_TIMEOUT,
            ..ClientOptions::default()
        };
        let client = self.client(options);
        let (client, prepared) = (&client, &prepared);
        let all = stream::iter(0..settings.accounts.count()).map(async |number| {
            let account = accounts::name(number);
            decided(
                client,
                Write::Open {
                    account: account.clone(),
                },
            )
            .await?;
            if settings.op.takes_money() {
                let amount = Amount::new(MONEY).unwrap_or(Amount::MAX);
                decided(client, Write::Deposit { account, amount }).await?;
            }
            prepared();
            Ok::<_, BenchError>(())
        });
        let _: Vec<()> = all.buffer_unordered(PREPARED_AT_ONCE).try_collect().await?;
        let paid_in = if settings.op.takes_money() { MONEY } else { 0 };
        Ok(paid_in.saturating_mul(i64::from(settings.accounts.count())))
    }

    /// The error of a branch that has ended, if one has.
    pub(super) fn ended_branch(&self) -> Result<(), BenchError> {
        let Some(own) = &self.own else { return Ok(()) };
        for number in own.cluster.numbers() {
            if let Some(error) = own.cluster.ended(number)? {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Stops the branches, if they were started for the benchmark, and removes their data.
    pub(super) async fn stop(&mut self) -> Result<(), BenchError> {
        match &mut self.own {
            Some(own) => Ok(own.cluster.stop().await?),
            None => Ok(()),
        }
    }

    /// Kills the branches at once, if they were started for the benchmark.
    pub(super) fn kill(&mut self) {
        if let Some(own) = &mut self.own {
            own.cluster.kill_all();
        }
    }
}

/// Sends a write, which must be accepted, or open an account that exists already.
async fn decided(client: &Client, write: Write) -> Result<(), BenchError> {
    let write = PendingWrite::new(write, Propagation::Quorum);
    let reply = client.write(None, &mut Session::default(), write).await;
    match reply.map_err(BenchError::Accounts)?.value.outcome {
        WriteOutcome::Refused { reason, message, .. } if reason != Some(RefusalReason::AccountExists) => {
            Err(BenchError::AccountRefused(message))
        }
        _ => Ok(()),
    }
}

/// Whether the process with this pid is a branch, and not another one on this host with the pid of a branch elsewhere.
fn is_branch(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("branchd"))
}
