//! Reads the command log of each branch: every command that the branch has applied, with its outcome. The logs come
//! over the operator service, and are called journals in files and messages.

use crate::cluster::Cluster;
use crate::cluster::positions::Positions;
use crate::error::ClusterError;
use bank_check::history::{Action, Applied, Journal, Leader, Outcome};
use bank_client::operator::{AppliedAction, AppliedCommand, JournalLeader};
use bank_client::{Failure, Operator, OperatorError, WriteOutcome};
use futures::future::join_all;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// Bound on the wait for a branch that is behind. After that, its log is read as it is.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// Bound on the time until a branch begins to answer, and on the time between two of its messages.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Bound on the time for a whole log. A million commands take seconds.
const LOG_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the command log of a branch could not be read.
#[derive(Debug, Error)]
enum CommandLogError {
    /// The branch cannot be reached, or refuses.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// The answer broke off, or is malformed.
    #[error(transparent)]
    BrokenOff(#[from] Failure),
    /// The whole log did not come in time.
    #[error("its journal did not come within {} s", LOG_TIMEOUT.as_secs())]
    TimedOut,
    /// A command was refused for a reason that this program does not know.
    #[error("the command at position {0} has no known reason")]
    UnknownReason(u64),
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
    let operator = cluster.operator(branch, ANSWER_TIMEOUT)?;
    let log = read(&operator, origin_us).await?;
    // Nearly always the branch has caught up. A wait that is not needed would cost a connection.
    if log.position >= position || positions.reached(&[branch], position).await.is_err() {
        // The log of a branch that stays behind is judged, too.
        return Ok(log);
    }
    read(&operator, origin_us).await
}

async fn version(cluster: &Cluster, branches: &[u32]) -> Option<String> {
    let operator = cluster.operator(*branches.first()?, ANSWER_TIMEOUT).ok()?;
    let status = operator.status().await;
    status.ok().map(|status| status.version)
}

/// Reads the command log of a branch.
async fn read(operator: &Operator, origin_us: u64) -> Result<Journal, CommandLogError> {
    let mut commands = operator.export(0).await?;
    let mut log = Journal {
        branch: commands.head.branch,
        position: commands.head.position,
        digest: commands.head.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        leaders: commands
            .head
            .leaders
            .iter()
            .map(|leader| led(leader, origin_us))
            .collect(),
        entries_head: commands.head.entries_head.as_ref().map(ToString::to_string),
        applied: Vec::new(),
    };
    let rest = async {
        while let Some(command) = commands.next().await? {
            log.applied.push(applied(command, origin_us)?);
        }
        Ok::<_, CommandLogError>(())
    };
    timeout(LOG_TIMEOUT, rest)
        .await
        .map_err(|_| CommandLogError::TimedOut)??;
    Ok(log)
}

fn led(leader: &JournalLeader, origin_us: u64) -> Leader {
    Leader {
        term: leader.term,
        branch: leader.branch,
        after_position: leader.after_position,
        from_us: leader.from_us.checked_sub(origin_us),
    }
}

fn applied(command: AppliedCommand, origin_us: u64) -> Result<Applied, CommandLogError> {
    let position = command.position;
    let (outcome, balance) = match command.outcome {
        WriteOutcome::Accepted { balance } => (Outcome::Accepted, balance),
        WriteOutcome::Refused { reason, balance, .. } => {
            let reason = reason.ok_or(CommandLogError::UnknownReason(position))?;
            (Outcome::Refused(reason), balance)
        }
    };
    Ok(Applied {
        position,
        request_id: command.request_id,
        action: match command.action {
            AppliedAction::Open { account, amount } => Action::Open { account, amount },
            AppliedAction::Deposit { account, amount } => Action::Deposit { account, amount },
            AppliedAction::Withdraw { account, amount } => Action::Withdraw { account, amount },
            AppliedAction::Transfer { account, to, amount } => Action::Transfer { account, to, amount },
        },
        outcome,
        balance,
        to_balance: command.to_balance,
        time_us: Some(command.time_us),
        applied_us: command.applied_us.and_then(|us| us.checked_sub(origin_us)),
    })
}
