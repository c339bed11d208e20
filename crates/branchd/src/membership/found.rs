//! Founding a bank: once, at one of its branches, for all of them.
//!
//! Every step may be repeated, so that a founding that was cut short is finished by calling it again: the bank's id is
//! kept by each branch as it is adopted, and `main` is opened by a command whose request id is the bank's.

use std::collections::BTreeSet;
use std::time::Duration;

use bank_ledger::{Action, Command, Outcome, RequestId};
use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use super::branch_calls::{adopt, answered, ask};
use crate::branch::{Bank, Branch};
use crate::clock;
use crate::reconfiguration::plan::{self, BRANCHES_MAX};
use crate::replication::engine::Replica;

/// The most branches that vote.
const VOTERS_MAX: u32 = plan::VOTERS_MAX as u32;
/// How long the whole founding may take.
const FOUNDING_TIMEOUT: Duration = Duration::from_secs(30);

/// A founding, checked.
struct Plan {
    /// By number.
    branches: Vec<v1::BranchAddress>,
    opening_balance: i64,
    voters: usize,
}

/// Founds the bank that the request describes.
///
/// # Errors
/// INVALID_ARGUMENT where the request makes no bank, FAILED_PRECONDITION where a branch has one, is another than was said
/// or may not speak to an address, UNAVAILABLE or DEADLINE_EXCEEDED where one does not answer. Where
/// a branch does not answer, nothing has changed; a founding that fails later is finished by the same request.
pub(crate) async fn found(branch: &Branch, request: v1::InitRequest) -> Result<v1::InitResponse, Status> {
    let plan = plan(&request, branch.config.insecure)?;
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
    refuse_other_plan(bank, &plan)?;
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

/// A founding that was cut short is finished as it was begun, or not at all.
fn refuse_other_plan(bank: &Bank, plan: &Plan) -> Result<(), Status> {
    let begun = bank.engine.replicas();
    let same = |member: &Replica| {
        let at = plan
            .branches
            .iter()
            .position(|b| b.branch == member.branch && b.address == member.address);
        at.is_some_and(|at| (at < plan.voters) == member.voter)
    };
    let voters = begun.iter().filter(|member| member.voter).count();
    if voters == plan.voters && begun.iter().all(same) {
        return Ok(());
    }
    let named: Vec<String> = begun.iter().map(|m| format!("{}={}", m.branch, m.address)).collect();
    Err(Status::failed_precondition(format!(
        "bank {} was begun with {voters} voters among {}: run init with those, or start all branches on empty directories",
        bank.identity.bank_id,
        named.join(" "),
    )))
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

fn exists(branch: u32, bank: impl std::fmt::Display) -> Status {
    Status::failed_precondition(format!(
        "branch {branch} serves bank {bank} already: nothing was changed"
    ))
}

fn plan(request: &v1::InitRequest, insecure: bool) -> Result<Plan, Status> {
    let invalid = |why: String| Err(Status::invalid_argument(why));
    let mut branches = request.branches.clone();
    branches.sort_by_key(|b| b.branch);
    if branches.is_empty() || branches.len() > BRANCHES_MAX {
        return invalid(format!(
            "a bank has 1 to {BRANCHES_MAX} branches, not {}",
            branches.len()
        ));
    }
    let mut addresses = BTreeSet::new();
    for (at, b) in branches.iter().enumerate() {
        if b.branch == 0 {
            return invalid("a branch has the number 0: numbers begin at 1".to_owned());
        }
        if at > 0 && branches[at - 1].branch == b.branch {
            return invalid(format!("branch {} is named twice", b.branch));
        }
        if !addresses.insert(&b.address) {
            return invalid(format!("the address {} is given to two branches", b.address));
        }
        crate::address::check(&b.address, insecure)
            .map_err(|error| Status::failed_precondition(format!("branch {}: {error}", b.branch)))?;
    }
    if request.opening_balance < 0 {
        return invalid(format!(
            "the opening balance is {}: it cannot be negative",
            request.opening_balance
        ));
    }
    let count = u32::try_from(branches.len()).unwrap_or(u32::MAX);
    let voters = match request.voters {
        0 => match count {
            1 | 2 => count,
            3 | 4 => 3,
            _ => VOTERS_MAX,
        },
        given if given <= VOTERS_MAX.min(count) => given,
        given => {
            let most = VOTERS_MAX.min(count);
            return invalid(format!("{given} branches cannot vote: give 1 to {most}"));
        }
    };
    Ok(Plan {
        branches,
        opening_balance: request.opening_balance,
        voters: voters as usize,
    })
}

/// The id of the bank: a new one, or the one that a founding which was cut short gave to some of its branches.
async fn agree_on_id(branch: &Branch, plan: &Plan) -> Result<Uuid, Status> {
    let asked = plan.branches.iter().map(|b| async move {
        let status = if b.branch == branch.config.branch {
            super::status(branch)
        } else {
            ask(branch, b).await?
        };
        Ok::<_, Status>((b, status))
    });
    let answers: Vec<Result<_, Status>> = futures::future::join_all(asked).await;
    // That there is a bank already says more than that one of its branches does not answer.
    let open = answers
        .iter()
        .flatten()
        .find(|(_, status): &&(_, v1::GetStatusResponse)| status.position > 0);
    if let Some((b, status)) = open {
        return Err(exists(b.branch, &status.bank_id));
    }
    let answers: Vec<_> = answers.into_iter().collect::<Result<_, Status>>()?;
    let mut begun: Option<(u32, String)> = None;
    for (b, status) in answers {
        if status.branch != b.branch {
            let there = status.branch;
            let why = format!(
                "{} is branch {there}, not branch {}: check the addresses",
                b.address, b.branch
            );
            return Err(Status::failed_precondition(why));
        }
        if status.bank_id.is_empty() {
            continue;
        }
        match &begun {
            Some((first, bank)) if *bank != status.bank_id => {
                let why = format!(
                    "branch {first} is of bank {bank}, branch {} of bank {}, and neither bank is open: start one of them on an \
                     empty data directory",
                    b.branch, status.bank_id
                );
                return Err(Status::failed_precondition(why));
            }
            _ => begun = Some((b.branch, status.bank_id)),
        }
    }
    match begun {
        None => Ok(Uuid::new_v4()),
        Some((there, bank)) => bank
            .parse()
            .map_err(|_| Status::internal(format!("branch {there} says it is of bank {bank:?}, which is no id"))),
    }
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
