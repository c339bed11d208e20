//! The gRPC service for the other branches of the bank. The connection proves which branch is the sender. Before a
//! message is served, its header is checked: it must name this bank, this replica and the sender.

use std::sync::Arc;

use bank_auth::BranchIdentity;
use bank_ledger::{Command, Digest, Ledger};
use bank_proto::v1;
use bank_proto::v1::branch_service_server::BranchService;
use bank_proto::v1::install_snapshot_request::Part;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::deadline;
use super::error;
use crate::branch::{Bank, Branch};
use crate::branch_client::MembershipChange;
use crate::callers::caller_of;
use crate::peers::FORMAT;
use crate::reconfiguration::membership_of;
use crate::replication::{Malformed, command_from_wire};
use crate::writes::convert::outcome_to_wire;
use crate::writes::queue::BATCH_LEN_MAX;

/// Serves the calls of other branches.
pub(crate) struct BranchApi(pub(crate) Arc<Branch>);

impl BranchApi {
    /// Checks the header of a message, and returns the bank.
    fn bank_for(&self, peer: Option<v1::Peer>, sender: BranchIdentity) -> Result<&Bank, Status> {
        let bank = self.0.bank()?;
        bank.identity.check(peer, sender)?;
        Ok(bank)
    }
}

/// The branch that sent a request, as its connection proved it. `server::permission` refuses all other callers before.
fn sender<T>(request: &Request<T>) -> Result<BranchIdentity, Status> {
    let caller = caller_of(request.extensions());
    caller
        .branch()
        .ok_or_else(|| Status::permission_denied("only branches may make this call"))
}

fn malformed_part() -> Status {
    Status::invalid_argument("malformed message: the first part of a snapshot is its header, all others are bytes")
}

#[tonic::async_trait]
impl BranchService for BranchApi {
    async fn adopt(&self, request: Request<v1::AdoptRequest>) -> Result<Response<v1::AdoptResponse>, Status> {
        let request = request.into_inner();
        let me = self.0.config.branch;
        if request.format != FORMAT || request.branch != me {
            let why = format!(
                "this is branch {me} with format {FORMAT}, not branch {} with format {}: check the addresses, and run \
                 the same version on both",
                request.branch, request.format
            );
            return Err(Status::failed_precondition(why));
        }
        let bank_id = Uuid::from_slice(&request.bank_id)
            .map_err(|_| Status::invalid_argument("malformed message: a bank id is not 16 bytes"))?;
        let _turn = self.0.founding.lock().await;
        self.0.adopt(bank_id).await?;
        Ok(Response::new(v1::AdoptResponse {
            replica: self.0.directory.replica(),
        }))
    }

    type AppendStream = BoxStream<'static, Result<v1::AppendResponse, Status>>;

    async fn append(
        &self,
        request: Request<Streaming<v1::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        // The answer begins now, so that the leader begins to send. Its first message has the header to check.
        let sender = sender(&request)?;
        let branch = Arc::clone(&self.0);
        let mut requests = request.into_inner();
        let responses = async move {
            let Some(mut first) = requests.message().await? else {
                return Ok(futures::stream::empty().boxed());
            };
            let bank = branch.bank()?;
            bank.identity.check(first.peer.take(), sender)?;
            let all = futures::stream::once(async { Ok(first) }).chain(requests);
            Ok::<_, Status>(bank.engine.append(all, sender.replica, branch.stopping()))
        };
        Ok(Response::new(futures::stream::once(responses).try_flatten().boxed()))
    }

    type AttendStream = BoxStream<'static, Result<v1::AttendResponse, Status>>;

    async fn attend(&self, request: Request<v1::AttendRequest>) -> Result<Response<Self::AttendStream>, Status> {
        let sender = sender(&request)?;
        self.bank_for(request.into_inner().peer, sender)?;
        let stopping = self.0.stopping();
        let silence = futures::stream::once(stopping).filter_map(|()| futures::future::ready(None));
        Ok(Response::new(silence.boxed()))
    }

    async fn vote(&self, request: Request<v1::VoteRequest>) -> Result<Response<v1::VoteResponse>, Status> {
        let sender = sender(&request)?;
        let mut request = request.into_inner();
        let bank = self.bank_for(request.peer.take(), sender)?;
        bank.engine.vote(request, sender.replica).await.map(Response::new)
    }

    async fn pre_vote(&self, request: Request<v1::PreVoteRequest>) -> Result<Response<v1::PreVoteResponse>, Status> {
        let sender = sender(&request)?;
        let request = request.into_inner().request;
        let mut request = request.ok_or_else(|| Status::invalid_argument("malformed message: no request"))?;
        let bank = self.bank_for(request.peer.take(), sender)?;
        let response = bank.engine.pre_vote(request, sender.replica).await?;
        Ok(Response::new(v1::PreVoteResponse {
            response: Some(response),
        }))
    }

    async fn transfer_leader(
        &self,
        request: Request<v1::TransferLeaderRequest>,
    ) -> Result<Response<v1::TransferLeaderResponse>, Status> {
        let sender = sender(&request)?;
        let mut request = request.into_inner();
        let bank = self.bank_for(request.peer.take(), sender)?;
        bank.engine
            .transfer_leader(request, sender.replica)
            .await
            .map(Response::new)
    }

    async fn offer_snapshot(
        &self,
        request: Request<v1::OfferSnapshotRequest>,
    ) -> Result<Response<v1::OfferSnapshotResponse>, Status> {
        let sender = sender(&request)?;
        let mut offer = request.into_inner();
        let bank = self.bank_for(offer.peer.take(), sender)?;
        bank.engine.offer_snapshot(offer, sender.replica).map(Response::new)
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<v1::InstallSnapshotRequest>>,
    ) -> Result<Response<v1::InstallSnapshotResponse>, Status> {
        let sender = sender(&request)?;
        let mut parts = request.into_inner();
        let Some(Part::Header(mut header)) = parts.message().await?.and_then(|first| first.part) else {
            return Err(malformed_part());
        };
        let bank = self.bank_for(header.peer.take(), sender)?;
        let chunks = parts.map(|part| match part?.part {
            Some(Part::Chunk(bytes)) => Ok(bytes),
            _ => Err(malformed_part()),
        });
        let installed = bank.engine.install_snapshot(header, sender.replica, chunks).await;
        installed.map(Response::new)
    }

    /// The writes carry no identity. The branch that took them from their clients has checked that they are allowed, and
    /// a branch is trusted.
    async fn forward(&self, request: Request<v1::ForwardRequest>) -> Result<Response<v1::ForwardResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let sender = sender(&request)?;
        let request = request.into_inner();
        let checked = || -> Result<(&Bank, Vec<Command>), Status> {
            let bank = self.bank_for(request.peer, sender)?;
            if request.commands.len() > BATCH_LEN_MAX {
                let len = request.commands.len();
                return Err(Status::invalid_argument(format!(
                    "{len} commands at once: at most {BATCH_LEN_MAX}"
                )));
            }
            let commands: Result<_, Malformed> = request.commands.into_iter().map(command_from_wire).collect();
            Ok((bank, commands?))
        };
        let (bank, commands) = checked().map_err(error::not_applied)?;
        let applied = bank.writer.submit_forwarded(commands, deadline).await?;
        Ok(Response::new(v1::ForwardResponse {
            outcomes: applied.iter().map(outcome_to_wire).collect(),
        }))
    }

    async fn read_index(
        &self,
        request: Request<v1::ReadIndexRequest>,
    ) -> Result<Response<v1::ReadIndexResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let sender = sender(&request)?;
        let bank = self.bank_for(request.into_inner().peer, sender)?;
        let _place = bank.reads.place_for_branch()?;
        let index = tokio::time::timeout_at(deadline, bank.engine.read_index()).await;
        match index {
            Ok(Ok(index)) => Ok(Response::new(v1::ReadIndexResponse {
                log_id: Some(index.into()),
            })),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Status::deadline_exceeded(
                "no quorum confirmed in time that this branch leads",
            )),
        }
    }

    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let sender = sender(&request)?;
        let request = request.into_inner();
        let bank = self.bank_for(request.peer, sender)?;
        let change = MembershipChange::try_from(request.change)?;
        let membership = bank.members.change(&change).await?.into();
        Ok(Response::new(v1::ChangeMembersResponse { membership }))
    }

    async fn ask_membership(
        &self,
        request: Request<v1::AskMembershipRequest>,
    ) -> Result<Response<v1::AskMembershipResponse>, Status> {
        let sender = sender(&request)?;
        let bank = self.bank_for(request.into_inner().peer, sender)?;
        let answer = membership_of(&bank.engine, sender.replica, sender.branch);
        Ok(Response::new(answer.into()))
    }

    async fn compare(&self, request: Request<v1::CompareRequest>) -> Result<Response<v1::CompareResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let sender = sender(&request)?;
        let request = request.into_inner();
        let bank = self.bank_for(request.peer, sender)?;
        let digest = request.digest.as_slice().try_into();
        let digest = digest.map_err(|_| Status::invalid_argument("malformed message: a digest is not 32 bytes"))?;
        // This wait does not count as a waiting read, because an answer to a customer may depend on it.
        let reached = bank.engine.position().wait_for(request.position);
        let reached = tokio::time::timeout_at(deadline, reached).await;
        reached.map_err(|_| Status::deadline_exceeded("the position was not applied here in time"))?;
        let mine = bank.agreement.compare(Ledger {
            position: request.position,
            digest: Digest(digest),
        });
        Ok(Response::new(v1::CompareResponse {
            digest: mine.map(|digest| digest.0.to_vec()).unwrap_or_default(),
        }))
    }

    async fn await_position(
        &self,
        request: Request<v1::AwaitPositionRequest>,
    ) -> Result<Response<v1::AwaitPositionResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let sender = sender(&request)?;
        let request = request.into_inner();
        let bank = self.bank_for(request.peer, sender)?;
        // The caller concludes from an answer that this branch stays up. So a branch that is stopping answers with an
        // error.
        tokio::select! {
            biased;
            () = self.0.stopping() => return Err(Status::unavailable("this branch is stopping")),
            reached = bank.reads.wait_for_branch(request.position, deadline) => {
                reached?;
            }
        }
        Ok(Response::new(v1::AwaitPositionResponse {
            position: bank.books.position(),
        }))
    }
}
