//! What an operator asks of a branch: to found a bank, and how it is. No retries: founding is asked once, and whoever
//! waits for a branch asks it again.

use std::time::Duration;

use bank_auth::Secret;
use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::bank_file::Branch;
use crate::branches::{connect, connect_as_operator};
use crate::failure::{Attempted, Failure, Place};
use crate::wire;
use bank_types::Address;

/// A bank that was founded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founded {
    /// The new bank.
    pub bank_id: Uuid,
    /// The branches that vote.
    pub voters: Vec<u32>,
    /// The position of the opening: 1.
    pub position: u64,
}

/// How a branch is, as it knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchStatus {
    /// Its bank; none before one is founded.
    pub bank_id: Option<Uuid>,
    /// Its number.
    pub branch: u32,
    /// What it does in the bank.
    pub role: Role,
    /// The branch that leads, as far as this one knows.
    pub leader: Option<u32>,
    /// Rises with each election.
    pub term: u64,
    /// How many commands it has applied.
    pub position: u64,
    /// SHA-256 chained over every outcome up to the position.
    pub digest: Vec<u8>,
    /// Every branch of the bank.
    pub branches: Vec<Member>,
    /// Where it listens.
    pub address: String,
    /// Its data directory.
    pub data_directory: String,
    /// Its process, by its number in its host.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The bank can be used here.
    pub ready: bool,
    /// How many customers' connections it has.
    pub customers: u32,
}

/// A branch as another one lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub branch: u32,
    /// Where it is reached.
    pub address: String,
    /// It votes.
    pub voter: bool,
}

/// What a branch does in the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Has no bank yet.
    Uninitialized,
    /// Orders the writes.
    Leader,
    /// Votes, and follows.
    Follower,
    /// Wants to lead.
    Candidate,
    /// Applies everything, does not vote.
    Learner,
    /// A role that this program does not know.
    Other,
}

/// An operator's call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause}")]
pub struct OperatorError {
    /// What happened.
    #[source]
    pub cause: Failure,
}

/// Founds a bank, at one of its branches, which all have this secret. `voters`: how many vote; 0: as many as the bank thinks
/// right.
///
/// # Errors
/// [`Failure::Precondition`] where one of the branches has a bank already or another secret,
/// [`Failure::Unauthenticated`] where the branch that is asked has another secret; after any other failure the call may be
/// repeated as it was.
pub async fn init(
    address: &Address,
    secret: &Secret,
    branches: &[Branch],
    opening_balance: i64,
    voters: u32,
    timeout: Duration,
) -> Result<Founded, OperatorError> {
    let branches = branches.iter().map(|Branch { branch, address }| v1::BranchAddress {
        branch: *branch,
        address: address.to_string(),
    });
    let message = v1::InitRequest {
        branches: branches.collect(),
        opening_balance,
        voters,
    };
    let call = async |mut stub: Stub, request| stub.init(request).await;
    let found = ask(address, Some(secret), timeout, message, call).await?;
    let bank_id = wire::bank(&found.bank_id).map_err(|what| malformed(address, what))?;
    Ok(Founded {
        bank_id,
        voters: found.voters,
        position: found.position,
    })
}

/// How a branch is.
///
/// # Errors
/// [`Failure::Unreachable`] where none listens there, [`Failure::TimedOut`] where it does not answer.
pub async fn status(address: &Address, timeout: Duration) -> Result<BranchStatus, OperatorError> {
    let call = async |mut stub: Stub, request| stub.get_status(request).await;
    let found = ask(address, None, timeout, v1::GetStatusRequest {}, call).await?;
    let bank_id = Some(&found.bank_id)
        .filter(|id| !id.is_empty())
        .map(|id| wire::bank(id))
        .transpose();
    Ok(BranchStatus {
        bank_id: bank_id.map_err(|what| malformed(address, what))?,
        branch: found.branch,
        role: role(found.role),
        leader: Some(found.leader).filter(|leader| *leader > 0),
        term: found.term,
        position: found.position,
        digest: found.digest,
        branches: found.branches.into_iter().map(member).collect(),
        address: found.address,
        data_directory: found.data_directory,
        pid: found.pid,
        version: found.version,
        ready: found.ready,
        customers: found.customers,
    })
}

type Stub = OperatorServiceClient<tonic::transport::Channel>;

async fn ask<M, R>(
    address: &Address,
    secret: Option<&Secret>,
    timeout: Duration,
    message: M,
    call: impl AsyncFnOnce(Stub, Request<M>) -> Result<Response<R>, Status>,
) -> Result<R, OperatorError> {
    let deadline = Instant::now() + timeout;
    let at = Place {
        branch: None,
        address: address.clone(),
    };
    let failed = |attempted: Attempted| OperatorError {
        cause: attempted.failure,
    };
    let channel = match secret {
        Some(secret) => connect_as_operator(&at, deadline, secret).await,
        None => connect(&at, deadline, false).await,
    };
    let channel = channel.map_err(failed)?;
    let mut request = Request::new(message);
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    match timeout_at(deadline, call(Stub::new(channel), request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(failed(Attempted::by_status(at, &status))),
        Err(_) => Err(OperatorError {
            cause: Failure::TimedOut { at },
        }),
    }
}

fn malformed(address: &Address, what: String) -> OperatorError {
    OperatorError {
        cause: Failure::Malformed {
            at: Place {
                branch: None,
                address: address.clone(),
            },
            what,
        },
    }
}

fn member(member: v1::BranchStatus) -> Member {
    Member {
        branch: member.branch,
        address: member.address,
        voter: member.voter,
    }
}

fn role(role: i32) -> Role {
    match v1::Role::try_from(role) {
        Ok(v1::Role::Uninitialized) => Role::Uninitialized,
        Ok(v1::Role::Leader) => Role::Leader,
        Ok(v1::Role::Follower) => Role::Follower,
        Ok(v1::Role::Candidate) => Role::Candidate,
        Ok(v1::Role::Learner) => Role::Learner,
        Ok(v1::Role::Unspecified) | Err(_) => Role::Other,
    }
}
