//! `branchd init`: founds a bank. One of its branches does that once, for all of them.
//!
//! Every step may be repeated, so a founding that was cut short is finished by the same call. Each branch keeps the id
//! of the bank when it adopts it. The command that opens `main` has the bank's id as its request id.

use std::time::Duration;

use bank_ledger::{Action, Command, Outcome, RequestId};
use tokio::time::Instant;
use uuid::Uuid;

use super::founding_error::FoundError;
use super::founding_plan::{Plan, begun_bank, check_listeners, check_number};
use super::status::status;
use crate::address::BranchAddress;
use crate::branch::{Bank, Branch};
use crate::branch_client::{self, BranchSummary, Founded, FoundingRequest};
use crate::certificates::Certificates;
use crate::clock;
use crate::replication::engine::Replica;

/// How long the whole founding may take.
const FOUNDING_TIMEOUT: Duration = Duration::from_secs(30);

/// Founds the bank that the request describes. If another branch of the request has a lower number, the request goes to
/// the branch with the lowest number.
///
/// # Errors
/// See [`FoundError`]. If a branch does not answer, nothing has changed. A founding that fails later is finished by the same
/// request.
pub(crate) async fn found(branch: &Branch, request: FoundingRequest) -> Result<Founded, FoundError> {
    let plan = Plan::of(&request, branch.config.beyond_this_host())?;
    let me = branch.config.branch;
    let named = plan.branches.iter().find(|b| b.branch == me);
    check_listeners(named.ok_or(FoundError::NotAmong(me))?, branch.peer_address.as_deref())?;
    let deadline = Instant::now() + FOUNDING_TIMEOUT;
    let first = &plan.branches[0];
    if first.branch != me {
        // A branch that is another one than the request says, or that is not there, is told at once.
        check_number(first, &branch_client::ask_status(&branch.peers, first).await?)?;
        // The same branch founds every bank of these branches, so that two foundings take turns.
        let founded = branch_client::found(&branch.peers, first, request, deadline, FOUNDING_TIMEOUT);
        return Ok(founded.await?);
    }
    let turn = tokio::time::timeout_at(deadline, branch.founding.lock()).await;
    let turn = turn.map_err(|_| FoundError::Busy(me))?;
    let bank_id = agree_on_id(branch, &plan).await?;
    let replicas = adopt_all(branch, &plan, bank_id).await?;
    drop(turn);

    let bank = branch.bank()?;
    let (voters, learners) = replicas.split_at(plan.voters);
    let left = deadline.saturating_duration_since(Instant::now());
    let begun = bank.engine.begin(voters, left).await;
    begun.map_err(|error| FoundError::Begin { bank_id, error })?;
    plan.check_begun(bank_id, &bank.engine.replicas())?;
    if !learners.is_empty() {
        add_learners(branch, bank, learners, deadline).await?;
    }
    let command = Command {
        request_id: RequestId(*bank_id.as_bytes()),
        time_us: clock::now_us(),
        action: Action::Found {
            opening_balance: plan.opening_balance,
        },
    };
    let opened = bank.writer.submit(command, deadline).await;
    let opened = opened.map_err(|error| FoundError::Open { bank_id, error })?;
    if !matches!(opened.outcome, Outcome::Accepted { .. }) {
        let bank = bank_id.to_string();
        return Err(FoundError::Exists { branch: me, bank });
    }
    let voters = voters.iter().map(|replica| replica.branch).collect();
    tracing::info!(bank = %bank_id, branches = plan.branches.len(), ?voters, "the bank is founded");
    Ok(Founded {
        bank_id,
        voters,
        position: opened.position,
    })
}

/// The id of the bank: the id that an earlier founding, which was cut short, gave to some of the branches; otherwise that
/// in the certificate of this branch, or a new one.
async fn agree_on_id(branch: &Branch, plan: &Plan) -> Result<Uuid, FoundError> {
    let asked = plan.branches.iter().map(|b| async move {
        let summary = if b.branch == branch.config.branch {
            summary(branch)
        } else {
            branch_client::ask_status(&branch.peers, b).await?
        };
        Ok((b, summary))
    });
    let begun = begun_bank(futures::future::join_all(asked).await)?;
    let certified = branch.certificates.as_ref().map(Certificates::bank);
    Ok(begun.or(certified).unwrap_or_else(Uuid::new_v4))
}

/// The answer of this branch to [`branch_client::ask_status`].
fn summary(branch: &Branch) -> BranchSummary {
    let status = status(branch);
    BranchSummary {
        branch: status.branch,
        bank_id: status.bank_id.map(|id| id.to_string()),
        position: status.bank.map_or(0, |bank| bank.position),
    }
}

/// Lets every branch adopt the bank. Returns the replicas in the order of the plan.
async fn adopt_all(branch: &Branch, plan: &Plan, bank_id: Uuid) -> Result<Vec<Replica>, FoundError> {
    let adopted = plan.branches.iter().enumerate().map(|(at, b)| async move {
        let id = if b.branch == branch.config.branch {
            branch.adopt(bank_id).await?;
            branch.directory.replica()
        } else {
            branch_client::adopt(&branch.peers, b, bank_id).await?
        };
        Ok(Replica {
            id,
            branch: b.branch,
            address: b.address.clone(),
            peer_address: b.peer_address.clone(),
            voter: at < plan.voters,
            ..Replica::default()
        })
    });
    futures::future::try_join_all(adopted).await
}

/// Adds the branches that do not vote: all at once if this branch leads, otherwise one by one at the branch that leads.
async fn add_learners(branch: &Branch, bank: &Bank, learners: &[Replica], deadline: Instant) -> Result<(), FoundError> {
    let me = bank.identity.replica;
    let Some(leader) = bank.engine.leader().filter(|leader| leader.id != me) else {
        let left = deadline.saturating_duration_since(Instant::now());
        let added = bank.engine.add_learners(learners, left).await;
        return added.map_err(FoundError::AddLearners);
    };
    let leader = BranchAddress::from(&leader);
    for learner in learners {
        branch_client::join(&branch.peers, &leader, learner.into(), deadline, FOUNDING_TIMEOUT).await?;
    }
    Ok(())
}
