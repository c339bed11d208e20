//! Founding a bank: once, at one of its branches, for all of them.
//!
//! Every step may be repeated, so that a founding that was cut short is finished by calling it again: the bank's id is
//! kept by each branch as it is adopted, and `main` is opened by a command whose request id is the bank's.

use std::time::Duration;

use bank_ledger::{Action, Command, Outcome, RequestId};
use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use super::branch_calls::{adopt, answered, ask};
use super::founding_plan::{Plan, begun_bank, exists};
use crate::branch::{Bank, Branch};
use crate::clock;
use crate::replication::engine::Replica;

/// How long the whole founding may take.
const FOUNDING_TIMEOUT: Duration = Duration::from_secs(30);

/// Founds the bank that the request describes.
///
/// # Errors
/// INVALID_ARGUMENT where the request makes no bank, FAILED_PRECONDITION where a branch has one, is another than was said
/// or may not speak to an address, UNAVAILABLE or DEADLINE_EXCEEDED where one does not answer. Where
/// a branch does not answer, nothing has changed; a founding that fails later is finished by the same request.
pub(crate) async fn found(branch: &Branch, request: v1::InitRequest) -> Result<v1::InitResponse, Status> {
    let plan = Plan::of(&request, branch.config.insecure)?;
    let me = branch.config.branch;
    if !plan.branches.iter().any(|b| b.branch == me) {
        return Err(Status::invalid_argument(format!(
            "branch {me}, which was asked, is not among the branches named"
        )));
    }
    let deadline = Instant::now() + FOUNDING_TIMEOUT;
    let first = &plan.branches[0];
    if first.branch != me {
        // Always the same branch founds the same bank, so that two foundings of one set take turns.
        let mut client = OperatorServiceClient::new(branch.peers.channel(first.branch, &first.address)?);
        let founded = tokio::time::timeout_at(deadline, client.init(request)).await;
        return answered(first, FOUNDING_TIMEOUT, founded);
    }
    let turn = tokio::time::timeout_at(deadline, branch.founding.lock()).await;
    let turn =
        turn.map_err(|_| Status::unavailable(format!("branch {me} is busy with another founding: try again")))?;
    let bank_id = agree_on_id(branch, &plan).await?;
    let replicas = adopt_all(branch, &plan, bank_id).await?;
    drop(turn);

    let bank = branch.bank()?;
    let (voters, learners) = replicas.split_at(plan.voters);
    let left = || deadline.saturating_duration_since(Instant::now());
    let failed =
        |error: std::io::Error| Status::unavailable(format!("founding bank {bank_id}: {error}: run init again"));
    bank.engine.begin(voters, left()).await.map_err(failed)?;
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
    let opened = opened.map_err(|error| failed(std::io::Error::other(error)))?;
    match opened.outcome {
        Outcome::Accepted { .. } => {}
        _ => return Err(exists(me, bank_id)),
    }
    let voters = voters.iter().map(|replica| replica.branch).collect();
    tracing::info!(bank = %bank_id, branches = plan.branches.len(), ?voters, "the bank is founded");
    Ok(v1::InitResponse {
        bank_id: bank_id.to_string(),
        voters,
        position: opened.position,
    })
}

/// Adds the branches that do not vote: here, or one by one at whoever leads instead.
async fn add_learners(branch: &Branch, bank: &Bank, learners: &[Replica], deadline: Instant) -> Result<(), Status> {
    let me = bank.identity.replica;
    let Some(leader) = bank.engine.leader().filter(|leader| leader.id != me) else {
        let left = deadline.saturating_duration_since(Instant::now());
        let added = bank.engine.add_learners(learners, left).await;
        return added.map_err(|error| Status::unavailable(format!("adding branches: {error}: run init again")));
    };
    let there = v1::BranchAddress {
        branch: leader.branch,
        address: leader.address,
    };
    for learner in learners {
        let b = v1::BranchAddress {
            branch: learner.branch,
            address: learner.address.clone(),
        };
        let mut client = OperatorServiceClient::new(branch.peers.channel(there.branch, &there.address)?);
        let joined = tokio::time::timeout_at(deadline, client.join(v1::JoinRequest { branch: Some(b) })).await;
        answered(&there, FOUNDING_TIMEOUT, joined)?;
    }
    Ok(())
}

/// The id of the bank: a new one, or the one that a founding which was cut short gave to some of its branches.
async fn agree_on_id(branch: &Branch, plan: &Plan) -> Result<Uuid, Status> {
    let asked = plan.branches.iter().map(|b| async move {
        let status = if b.branch == branch.config.branch {
            super::status::status(branch)
        } else {
            ask(branch, b).await?
        };
        Ok::<_, Status>((b, status))
    });
    let begun = begun_bank(futures::future::join_all(asked).await)?;
    Ok(begun.unwrap_or_else(Uuid::new_v4))
}

/// Makes every branch one of the bank's. The replicas come in the order of the plan.
async fn adopt_all(branch: &Branch, plan: &Plan, bank_id: Uuid) -> Result<Vec<Replica>, Status> {
    let adopted = plan.branches.iter().enumerate().map(|(at, b)| async move {
        let id = if b.branch == branch.config.branch {
            branch.adopt(bank_id).await?;
            branch.directory.replica()
        } else {
            adopt(branch, b, bank_id).await?
        };
        Ok(Replica {
            id,
            branch: b.branch,
            address: b.address.clone(),
            voter: at < plan.voters,
            ..Replica::default()
        })
    });
    futures::future::try_join_all(adopted).await
}
