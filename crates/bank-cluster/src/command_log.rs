//! Reads the command log of each branch: every command that the branch has applied, with its outcome. The logs come
//! over the operator service, and are called journals in files and messages.

use crate::cluster::Cluster;
use crate::cluster::positions::Positions;
use crate::error::ClusterError;
use bank_check::history::{Action, Applied, Journal, Outcome, RefusalReason};
use bank_client::Operator;
use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use futures::future::join_all;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::Endpoint;

/// Bound on the wait for a branch that is behind. After that, its log is read as it is.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// Bound on the time until a branch begins to answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Bound on the time for the rest of a log. A million commands take seconds.
const PAGES_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the command log of a branch could not be read.
#[derive(Debug, Error)]
pub enum CommandLogError {
    /// The branch cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(#[from] tonic::transport::Error),
    /// The branch refuses, and says why.
    #[error("{}", .0.message())]
    Refused(#[from] Status),
    /// The branch does not answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The answer is malformed.
    #[error("its answer is no journal: {0}")]
    Malformed(String),
    /// The branch has no process.
    #[error("it does not run")]
    Down,
    /// The cluster has no such branch, or no bank.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// The command logs of a cluster.
#[derive(Debug, Default)]
pub struct Collected {
    /// The logs that could be read, ordered by branch.
    pub command_logs: Vec<Journal>,
    /// One message for each log that could not be read: "branch 3's journal could not be read: …".
    pub missing: Vec<String>,
    /// The version of `branchd`. `None` if the first branch does not answer.
    pub version: Option<String>,
}

/// Reads the command logs of all branches at once. A branch that has not applied `position` gets some time to catch up.
/// Times in the logs count from `origin_us`.
pub async fn collect(cluster: &Cluster, position: u64, origin_us: u64) -> Collected {
    let positions = match cluster.positions(CATCH_UP_TIMEOUT) {
        Ok(positions) => positions,
        Err(error) => {
            return Collected {
                missing: vec![format!("no journal could be read: {error}")],
                ..Collected::default()
            };
        }
    };
    let numbers = cluster.numbers();
    let logs = join_all(numbers.iter().map(async |&branch| {
        let log = one(cluster, &positions, branch, position, origin_us).await;
        log.map_err(|error| format!("branch {branch}'s journal could not be read: {error}"))
    }));
    let (logs, version) = tokio::join!(logs, version(cluster, &numbers));
    let mut collected = Collected {
        version,
        ..Collected::default()
    };
    for log in logs {
        match log {
            Ok(log) => collected.command_logs.push(log),
            Err(message) => collected.missing.push(message),
        }
    }
    collected.command_logs.sort_by_key(|log| log.branch);
    collected
}

async fn one(
    cluster: &Cluster,
    positions: &Positions<'_>,
    branch: u32,
    position: u64,
    origin_us: u64,
) -> Result<Journal, CommandLogError> {
    if cluster.pid(branch)?.is_none() {
        return Err(CommandLogError::Down);
    }
    let address = cluster.address(branch)?;
    let log = read(address, origin_us).await?;
    // Nearly always the branch has caught up. A wait that is not needed would cost a connection.
    if log.position >= position || positions.reached(&[branch], position).await.is_err() {
        // The log of a branch that stays behind is judged, too.
        return Ok(log);
    }
    read(address, origin_us).await
}

async fn version(cluster: &Cluster, branches: &[u32]) -> Option<String> {
    let address = cluster.address(*branches.first()?).ok()?;
    let status = Operator::at(address.into(), HEAD_TIMEOUT).status().await;
    status.ok().map(|status| status.version)
}

/// Reads the command log of the branch at this address.
///
/// # Errors
/// The branch does not answer, or its answer is malformed.
pub async fn read(address: SocketAddr, origin_us: u64) -> Result<Journal, CommandLogError> {
    let begin = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        let mut client = OperatorServiceClient::new(endpoint.connect().await?);
        let request = v1::ReadJournalRequest { after_position: 0 };
        let mut pages = client.read_journal(request).await?.into_inner();
        let first = pages.message().await?.unwrap_or_default();
        Ok::<_, CommandLogError>((first, pages))
    };
    let begun = timeout(HEAD_TIMEOUT, begin).await;
    let (first, mut pages) = begun.map_err(|_| CommandLogError::TimedOut(HEAD_TIMEOUT))??;
    let head = first
        .head
        .ok_or_else(|| CommandLogError::Malformed("it has no head".to_owned()))?;
    let mut journal = Journal {
        branch: head.branch,
        position: head.position,
        digest: head.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        applied: Vec::new(),
    };
    let mut take = |commands: Vec<v1::AppliedCommand>| -> Result<(), CommandLogError> {
        for command in commands {
            journal.applied.push(applied(command, origin_us)?);
        }
        Ok(())
    };
    let rest = async {
        take(first.applied)?;
        while let Some(page) = pages.message().await? {
            take(page.applied)?;
        }
        Ok::<_, CommandLogError>(())
    };
    let read = timeout(PAGES_TIMEOUT, rest).await;
    read.map_err(|_| CommandLogError::TimedOut(PAGES_TIMEOUT))??;
    Ok(journal)
}

fn applied(command: v1::AppliedCommand, origin_us: u64) -> Result<Applied, CommandLogError> {
    let position = command.position;
    let malformed =
        |what: &str| CommandLogError::Malformed(format!("the command at position {position} has no {what}"));
    let (outcome, balance) = match &command.outcome {
        Some(v1::applied_command::Outcome::Accepted(accepted)) => (Outcome::Accepted, accepted.balance),
        Some(v1::applied_command::Outcome::Refused(refused)) => {
            let reason = RefusalReason::try_from(refused.reason()).map_err(|_| malformed("known reason"))?;
            (Outcome::Refused(reason), refused.balance)
        }
        None => return Err(malformed("outcome")),
    };
    let (kind, account, amount) = (command.action(), command.account, command.amount);
    let action = match kind {
        v1::AppliedAction::Unspecified => return Err(malformed("known action")),
        v1::AppliedAction::Open => Action::Open { account, amount },
        v1::AppliedAction::Deposit => Action::Deposit { account, amount },
        v1::AppliedAction::Withdraw => Action::Withdraw { account, amount },
        v1::AppliedAction::Transfer => Action::Transfer {
            account,
            to: command.to_account,
            amount,
        },
    };
    let known_us = Some(command.applied_us).filter(|us| *us > 0);
    Ok(Applied {
        position,
        request_id: command.request_id,
        action,
        outcome,
        balance,
        to_balance: command.to_balance,
        applied_us: known_us.and_then(|us| us.checked_sub(origin_us)),
    })
}
