//! The calls of an operator: to found a bank, to change its branches, and to ask a branch for its status or its
//! journal.
//!
//! There are no retries. A call that was cut short may be repeated as it was.

mod journal;
mod reply;

use std::time::Duration;

use bank_auth::Secret;
use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use bank_types::Address;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::connection::{Target, connect, connect_with_secret};
use crate::failure::{Attempted, Failure, Place};
use crate::security::Security;

pub use journal::{AppliedAction, AppliedCommand, Journal, JournalHead, JournalLeader};
pub use reply::{
    BranchStatus, EntriesHead, Founded, JoinProgress, Joined, LostMajority, Member, NewBranch, Promoted, Removed, Role,
    Scrub,
};

/// A call of an operator that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause}")]
pub struct OperatorError {
    /// The failure.
    #[source]
    pub cause: Failure,
}

/// A client for the calls of an operator at one branch.
#[derive(Debug, Clone)]
pub struct Operator {
    address: Address,
    /// Proves the operator if there are neither certificates nor a token.
    secret: Option<Secret>,
    security: Security,
    /// Bank and number of the branch that must answer by TLS, as far as they are known.
    bank_id: Option<Uuid>,
    branch: Option<u32>,
    timeout: Duration,
}

impl Operator {
    /// A client that asks the branch at this address. A call may take this long. Without a secret, a certificate and a
    /// token it can only make the calls that change nothing: [`Operator::status`] and [`Operator::export`].
    pub fn at(address: Address, timeout: Duration) -> Self {
        Self {
            address,
            secret: None,
            security: Security::default(),
            bank_id: None,
            branch: None,
            timeout,
        }
    }

    /// The client with this security. Certificates and a token count before a secret.
    pub fn with_security(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// The client, which by TLS takes an answer only from this branch of this bank. Without both, the certificate of
    /// the branch must be valid for the host.
    pub fn expecting(self, bank_id: Option<Uuid>, branch: Option<u32>) -> Self {
        Self {
            bank_id,
            branch,
            ..self
        }
    }

    /// The client with the secret of the bank, which allows every call.
    pub fn with_secret(self, secret: Secret) -> Self {
        Self {
            secret: Some(secret),
            ..self
        }
    }

    /// Founds a bank on these branches, which must all have the same secret. `voters` is the number of branches that
    /// vote; 0 leaves the number to the bank.
    ///
    /// # Errors
    /// [`Failure::Precondition`] if one of the branches has a bank already or another secret.
    /// [`Failure::Unauthenticated`] if the branch that is asked has another secret. After any other failure the call
    /// may be repeated as it was.
    pub async fn init(
        &self,
        branches: &[NewBranch],
        opening_balance: i64,
        voters: u32,
    ) -> Result<Founded, OperatorError> {
        let message = v1::InitRequest {
            branches: branches.iter().map(v1::BranchAddress::from).collect(),
            opening_balance,
            voters,
        };
        let reply = self.ask(message, async |mut stub: Stub, request| stub.init(request).await);
        self.decoded(reply.await?)
    }

    /// Makes a branch that has no bank a branch of this one. It takes the place of a lost branch with the same number,
    /// or joins as a further branch that does not vote.
    ///
    /// # Errors
    /// [`Failure::Precondition`] if the branch is of another bank or was removed from this one, or if the branch that
    /// it would replace still answers. [`Failure::Unfinished`] if the branch has not caught up in time; the join goes
    /// on by itself.
    pub async fn join(&self, branch: &NewBranch) -> Result<Joined, OperatorError> {
        let message = v1::JoinRequest {
            branch: Some(branch.into()),
        };
        let reply = self.ask(message, async |mut stub: Stub, request| stub.join(request).await);
        self.decoded(reply.await?)
    }

    /// Makes a branch a voter.
    ///
    /// # Errors
    /// [`Failure::Precondition`] if the branch does not exist or does not answer, or if 5 branches vote or are to vote
    /// already.
    pub async fn promote(&self, branch: u32) -> Result<Promoted, OperatorError> {
        let message = v1::PromoteRequest { branch };
        let reply = self.ask(message, async |mut stub: Stub, request| stub.promote(request).await);
        self.decoded(reply.await?)
    }

    /// Removes a branch from the bank, and with it a branch that was to take its place.
    ///
    /// # Errors
    /// [`Failure::Precondition`] if the branch does not exist, or if too few of the remaining voters answer to decide
    /// anything.
    pub async fn remove(&self, branch: u32) -> Result<Removed, OperatorError> {
        let message = v1::RemoveRequest { branch };
        let reply = self.ask(message, async |mut stub: Stub, request| stub.remove(request).await);
        self.decoded(reply.await?)
    }

    /// The status of the branch, as it knows it itself.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] if nothing listens at the address, [`Failure::TimedOut`] if the branch does not answer.
    pub async fn status(&self) -> Result<BranchStatus, OperatorError> {
        let call = async |mut stub: Stub, request| stub.get_status(request).await;
        self.decoded(self.ask(v1::GetStatusRequest {}, call).await?)
    }

    /// The commands that the branch has applied after this position, as a stream. The timeout holds for its beginning
    /// and for each further message.
    ///
    /// # Errors
    /// As for [`Operator::status`], and [`Failure::Precondition`] if the branch has no bank.
    pub async fn export(&self, after_position: u64) -> Result<Journal, OperatorError> {
        let message = v1::ReadJournalRequest { after_position };
        let call = async |mut stub: Stub, request| stub.read_journal(request).await;
        let messages = self.call(message, call, false).await?;
        let journal = Journal::begin(self.place(), self.timeout, messages).await;
        journal.map_err(|cause| OperatorError { cause })
    }

    async fn ask<M, R>(
        &self,
        message: M,
        call: impl AsyncFnOnce(Stub, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, OperatorError> {
        self.call(message, call, true).await
    }

    /// Makes a call. A call for a stream has no gRPC timeout, because the stream may take longer than its beginning.
    async fn call<M, R>(
        &self,
        message: M,
        call: impl AsyncFnOnce(Stub, Request<M>) -> Result<Response<R>, Status>,
        grpc_timeout: bool,
    ) -> Result<R, OperatorError> {
        let deadline = Instant::now() + self.timeout;
        let at = self.place();
        let channel = match &self.secret {
            Some(secret) if self.security.is_none() => connect_with_secret(&at, deadline, secret).await,
            _ => {
                let target = Target {
                    place: &at,
                    bank_id: self.bank_id,
                    branch: self.branch,
                };
                connect(&target, &self.security, deadline, false).await
            }
        };
        let channel = channel.map_err(|attempted| OperatorError {
            cause: attempted.failure,
        })?;
        let mut request = Request::new(message);
        if let Some(token) = self.security.token() {
            token.authorize(&mut request);
        }
        if grpc_timeout {
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        match timeout_at(deadline, call(Stub::new(channel), request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(OperatorError {
                cause: failure_of(at, &status),
            }),
            Err(_) => Err(OperatorError {
                cause: Failure::TimedOut { at },
            }),
        }
    }

    fn decoded<R, T: TryFrom<R, Error = String>>(&self, reply: R) -> Result<T, OperatorError> {
        T::try_from(reply).map_err(|what| OperatorError {
            cause: Failure::Malformed { at: self.place(), what },
        })
    }

    fn place(&self) -> Place {
        Place {
            branch: None,
            address: self.address.clone(),
        }
    }
}

type Stub = OperatorServiceClient<tonic::transport::Channel>;

/// The failure that a status stands for. A branch that gives up waiting says how far it is.
fn failure_of(at: Place, status: &Status) -> Failure {
    match Attempted::by_status(at, status).failure {
        Failure::TimedOut { at } if std::error::Error::source(status).is_none() && !status.message().is_empty() => {
            Failure::Unfinished {
                at,
                message: status.message().to_owned(),
            }
        }
        failure => failure,
    }
}
