//! A branch that joins a bank which runs: a further one, or one that takes a lost branch's place.
//!
//! Every step may be repeated, so that a joining that was cut short is finished by calling it again.

use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use tokio::time::Instant;
use tonic::Status;

use crate::branch::{Bank, Branch};
use crate::founding::{BRANCH_TIMEOUT, adopt, answered, ask};
use crate::raft::engine::Replica;

/// How long the whole may take: all of the books may have to travel.
const JOINING_TIMEOUT: Duration = Duration::from_secs(300);

/// Makes the branch of the request one of this branch's bank.
///
/// # Errors
/// INVALID_ARGUMENT where the request names no branch, FAILED_PRECONDITION where that one is of a bank, or the one it would
/// replace still answers, UNAVAILABLE or DEADLINE_EXCEEDED where it, a leader or a quorum does not answer.
pub(crate) async fn join(branch: &Branch, request: v1::JoinRequest) -> Result<v1::JoinResponse, Status> {
    let bank = branch.bank()?;
    let b = request.branch.clone().unwrap_or_default();
    if b.branch == 0 {
        return Err(Status::invalid_argument(
            "the request names no branch: numbers begin at 1",
        ));
    }
    crate::address::check(&b.address, branch.config.insecure)
        .map_err(|error| Status::failed_precondition(format!("branch {}: {error}", b.branch)))?;
    if !bank.engine.is_leader() {
        return at_leader(branch, bank, request).await;
    }

    if b.branch == branch.config.branch {
        let why = format!(
            "branch {} is of this bank, and leads it: there is nothing to join",
            b.branch
        );
        return Err(Status::failed_precondition(why));
    }
    let deadline = Instant::now() + JOINING_TIMEOUT;
    let turn = tokio::time::timeout_at(deadline, branch.founding.lock()).await;
    let _turn = turn.map_err(|_| Status::unavailable("another branch is joining: try again"))?;
    let bank_id = bank.identity.bank_id;
    let status = ask(branch, &b).await?;
    if status.branch != b.branch {
        let why = format!(
            "{} is branch {}, not branch {}: check the addresses",
            b.address, status.branch, b.branch
        );
        return Err(Status::failed_precondition(why));
    }
    if !status.bank_id.is_empty() && status.bank_id != bank_id.to_string() {
        let why = format!(
            "branch {} is of bank {} already: give it an empty data directory",
            b.branch, status.bank_id
        );
        return Err(Status::failed_precondition(why));
    }
    let members = bank.engine.replicas();
    let known = members.iter().filter(|m| m.branch == b.branch);
    if let Some(member) = known.clone().find(|m| m.address != b.address)
        && !status.bank_id.is_empty()
    {
        // Its directory may be the member's own, moved: who listens where is part of the membership.
        let why = format!(
            "the bank knows branch {} at {}: start it there, or start it on an empty directory to join at {}",
            b.branch, member.address, b.address
        );
        return Err(Status::failed_precondition(why));
    }
    if status.bank_id.is_empty() {
        for member in known.filter(|m| m.address != b.address) {
            refuse_living(branch, bank, member).await?;
        }
    }
    let replica = adopt(branch, &b, bank_id).await?;
    let lost = members
        .iter()
        .find(|m| m.branch == b.branch && m.id != replica)
        .cloned();

    let failed = |error: std::io::Error| {
        Status::unavailable(format!(
            "branch {} has not joined yet: {error}: run join again",
            b.branch
        ))
    };
    let left = || deadline.saturating_duration_since(Instant::now());
    let new = Replica {
        id: replica,
        branch: b.branch,
        address: b.address.clone(),
        voter: false,
    };
    if !members.iter().any(|m| m.id == replica) {
        bank.engine
            .add_learners(std::slice::from_ref(&new), left())
            .await
            .map_err(failed)?;
    }
    let position = caught_up(branch, bank, &new, deadline).await?;
    if let Some(lost) = &lost {
        bank.engine.replace(lost, replica, left()).await.map_err(failed)?;
    }
    let voter = bank.engine.replicas().iter().any(|m| m.id == replica && m.voter);
    tracing::info!(
        branch = b.branch,
        address = b.address,
        voter,
        replaced = lost.is_some(),
        "a branch has joined"
    );
    Ok(v1::JoinResponse {
        bank_id: bank_id.to_string(),
        voter,
        replaced: lost.is_some(),
        position,
    })
}

async fn at_leader(branch: &Branch, bank: &Bank, request: v1::JoinRequest) -> Result<v1::JoinResponse, Status> {
    let me = bank.identity.replica;
    let Some(leader) = bank.engine.leader().filter(|leader| leader.id != me) else {
        return Err(Status::unavailable(
            "no leader is known: a quorum of the voters has to be there; try again",
        ));
    };
    let mut client = OperatorServiceClient::new(branch.peers.channel(leader.branch, &leader.address)?);
    let there = v1::BranchAddress {
        branch: leader.branch,
        address: leader.address,
    };
    answered(
        &there,
        JOINING_TIMEOUT,
        tokio::time::timeout(JOINING_TIMEOUT, client.join(request)).await,
    )
}

/// A branch that only looks lost must not be replaced: it may come back and answer for its number.
async fn refuse_living(branch: &Branch, bank: &Bank, lost: &Replica) -> Result<(), Status> {
    let alive = async {
        let mut client = branch.peers.client(lost.branch, &lost.address)?;
        let message = v1::AwaitPositionRequest {
            peer: Some(bank.identity.greet(lost.id)),
            position: 0,
        };
        client.await_position(message).await
    };
    match tokio::time::timeout(BRANCH_TIMEOUT, alive).await {
        Ok(Ok(_)) => Err(Status::failed_precondition(format!(
            "branch {} still answers at {}: stop it before another takes its place",
            lost.branch, lost.address
        ))),
        _ => Ok(()),
    }
}

/// Waits until the new branch has applied what is applied here.
async fn caught_up(branch: &Branch, bank: &Bank, new: &Replica, deadline: Instant) -> Result<u64, Status> {
    let position = bank.books.position();
    let b = v1::BranchAddress {
        branch: new.branch,
        address: new.address.clone(),
    };
    loop {
        let mut client = branch.peers.client(new.branch, &new.address)?;
        let message = v1::AwaitPositionRequest {
            peer: Some(bank.identity.greet(new.id)),
            position,
        };
        let mut request = tonic::Request::new(message);
        request.set_timeout(BRANCH_TIMEOUT);
        match answered(
            &b,
            BRANCH_TIMEOUT,
            tokio::time::timeout(BRANCH_TIMEOUT, client.await_position(request)).await,
        ) {
            Ok(reached) => return Ok(reached.position),
            Err(status) if Instant::now() >= deadline => return Err(status),
            // Each answer takes as long as a wait may; one that came at once is a connection that failed.
            Err(status) => {
                tracing::info!(
                    branch = new.branch,
                    reason = status.message(),
                    "waiting for the new branch"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
