//! Asks branches for their journals: all that each has decided and applied, over its operator's service. A branch that
//! does not answer is named, and the others' journals are had all the same.

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

/// A branch that has not caught up by then is asked for what it has.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// A branch that has not begun to answer by then is stuck.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A million commands take seconds.
const PAGES_TIMEOUT: Duration = Duration::from_secs(60);

/// Why there is no journal of a branch.
#[derive(Debug, Error)]
pub enum CommandLogError {
    /// It cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(#[from] tonic::transport::Error),
    /// It says why.
    #[error("{}", .0.message())]
    Refused(#[from] Status),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// What came is no journal.
    #[error("its answer is no journal: {0}")]
    Malformed(String),
    /// It has no process.
    #[error("it does not run")]
    Down,
    /// The cluster does not know it.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// What could be had of all journals.
#[derive(Debug, Default)]
pub struct Collected {
    /// By branch.
    pub journals: Vec<Journal>,
    /// "branch 3's journal could not be read: …", one for each that is missing.
    pub missing: Vec<String>,
    /// The version that a branch gives as its own.
    pub version: Option<String>,
}

/// Reads every branch's journal, all at once; that of a branch that has not come to `position` yet once it has. Times count from
/// `origin_us`.
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
    let journals = join_all(numbers.iter().map(async |&branch| {
        let journal = one(cluster, &positions, branch, position, origin_us).await;
        journal.map_err(|error| format!("branch {branch}'s journal could not be read: {error}"))
    }));
    let (journals, version) = tokio::join!(journals, version(cluster, &numbers));
    let mut collected = Collected {
        version,
        ..Collected::default()
    };
    for journal in journals {
        match journal {
            Ok(journal) => collected.journals.push(journal),
            Err(why) => collected.missing.push(why),
        }
    }
    collected.journals.sort_by_key(|journal| journal.branch);
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
    let journal = read(address, origin_us).await?;
    // Nearly always it is far enough: a wait that is not needed costs a connection.
    if journal.position >= position || positions.reached(&[branch], position).await.is_err() {
        // One that stays behind has a journal too; that it is behind is for the judge to see.
        return Ok(journal);
    }
    read(address, origin_us).await
}

async fn version(cluster: &Cluster, branches: &[u32]) -> Option<String> {
    let address = cluster.address(*branches.first()?).ok()?;
    let status = Operator::at(address.into(), HEAD_TIMEOUT).status().await;
    status.ok().map(|status| status.version)
}

/// Reads one branch's journal.
///
/// # Errors
/// It cannot be had, or is none.
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
