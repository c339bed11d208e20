//! The gRPC service for operators.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bank_proto::v1;
use bank_proto::v1::operator_service_server::OperatorService;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::{commands, deadline};
use crate::access::Access;
use crate::branch::Branch;
use crate::disk;
use crate::membership::{self, BranchStatus, JoinProgress, Member};
use crate::replication::role::Role;
use crate::scrubbing::FinishedRound;

/// How long the file system may take to say how full it is.
const DISK_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves the calls of operators.
pub(crate) struct OperatorApi(pub(crate) Arc<Branch>);

#[tonic::async_trait]
impl OperatorService for OperatorApi {
    async fn init(&self, request: Request<v1::InitRequest>) -> Result<Response<v1::InitResponse>, Status> {
        let branch = Arc::clone(&self.0);
        // On its own task, so that a caller that goes away does not leave a founding half done.
        let founding = tokio::spawn(async move { membership::found(&branch, request.into_inner().into()).await });
        let founded = founding.await.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(founded?.into()))
    }

    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        let deadline = deadline::of_change(request.metadata());
        let joiner = request.into_inner().branch.unwrap_or_default();
        let joined = membership::join(&self.0, joiner.into(), deadline).await?;
        Ok(Response::new(joined.into()))
    }

    async fn promote(&self, request: Request<v1::PromoteRequest>) -> Result<Response<v1::PromoteResponse>, Status> {
        let deadline = deadline::of_change(request.metadata());
        let promoted = membership::promote(&self.0, request.into_inner().branch, deadline).await?;
        Ok(Response::new(v1::PromoteResponse {
            bank_id: promoted.bank_id.to_string(),
            voters: promoted.voters,
        }))
    }

    async fn remove(&self, request: Request<v1::RemoveRequest>) -> Result<Response<v1::RemoveResponse>, Status> {
        let bank_id = membership::remove(&self.0, request.into_inner().branch).await?;
        Ok(Response::new(v1::RemoveResponse {
            bank_id: bank_id.to_string(),
        }))
    }

    type ReadJournalStream = BoxStream<'static, Result<v1::ReadJournalResponse, Status>>;

    async fn read_journal(
        &self,
        request: Request<v1::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let bank = self.0.bank()?;
        let after = request.into_inner().after_position;
        Ok(Response::new(commands::pages(
            bank.identity,
            bank.books.clone(),
            bank.file_reads.clone(),
            Some(bank.engine.clone()),
            after,
        )))
    }

    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let directory = self.0.directory.path().to_owned();
        // The disk is asked off the event loop. A disk that does not answer is left out.
        let usage = tokio::task::spawn_blocking(move || disk::Usage::of(&directory));
        let usage = match tokio::time::timeout(DISK_TIMEOUT, usage).await {
            Ok(Ok(usage)) => usage,
            _ => disk::Usage::default(),
        };
        let entries_head = match self.0.bank_if_any() {
            Some(bank) => commands::entries_head(&bank.books, &bank.file_reads, DISK_TIMEOUT).await,
            None => None,
        };
        Ok(Response::new(v1::GetStatusResponse {
            entries_head,
            disk_free_bytes: usage.free_bytes,
            disk_used_bytes: usage.used_bytes,
            identities_required: self.0.access.required(),
            denied_calls: denied_calls(&self.0.access),
            ..membership::status(&self.0).into()
        }))
    }
}

fn denied_calls(access: &Access) -> Vec<v1::DeniedCalls> {
    let denied = access.denied().into_iter().map(|(reason, count)| v1::DeniedCalls {
        reason: reason.to_owned(),
        count,
    });
    denied.collect()
}

impl From<BranchStatus> for v1::GetStatusResponse {
    fn from(status: BranchStatus) -> Self {
        let of_branch = Self {
            branch: status.branch,
            role: v1::Role::Uninitialized.into(),
            address: status.address,
            peer_address: status.peer_address.unwrap_or_default(),
            data_directory: status.data_directory,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            customers: status.customers,
            bank_id: status.bank_id.map(|id| id.to_string()).unwrap_or_default(),
            encrypted: status.encrypted,
            insecure: status.insecure,
            certificate_not_after_us: status.certificate_not_after.map(since_1970_us),
            ..Self::default()
        };
        let Some(bank) = status.bank else { return of_branch };
        Self {
            role: v1::Role::from(bank.role).into(),
            leader: bank.leader.unwrap_or(0),
            term: bank.term,
            position: bank.position,
            digest: bank.digest.0.to_vec(),
            branches: bank.members.into_iter().map(v1::BranchStatus::from).collect(),
            scrub: bank.scrub.map(v1::Scrub::from),
            journal_syncs: Some(bank.journal_syncs),
            ready: bank.ready,
            removed: bank.removed.unwrap_or_default(),
            behind: bank.behind,
            lost_majority: bank.no_majority.map(|lost| v1::LostMajority {
                reached: lost.reached,
                voters: lost.voters,
            }),
            ..of_branch
        }
    }
}

impl From<FinishedRound> for v1::Scrub {
    fn from(round: FinishedRound) -> Self {
        let rows = round.scrubbed.rows;
        Self {
            finished_us: since_1970_us(round.at),
            position: rows.position,
            rows: rows.entries + rows.accounts + rows.refusals,
            summed: round.scrubbed.summed,
        }
    }
}

fn since_1970_us(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}

impl From<Role> for v1::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Leader => Self::Leader,
            Role::Follower => Self::Follower,
            Role::Candidate => Self::Candidate,
            Role::Learner => Self::Learner,
            Role::Stopped => Self::Unspecified,
        }
    }
}

impl From<Member> for v1::BranchStatus {
    fn from(member: Member) -> Self {
        Self {
            branch: member.place.branch,
            address: member.place.address,
            peer_address: member.place.peer_address.unwrap_or_default(),
            voter: member.voter,
            joining: member.joining.map(v1::JoinProgress::from),
        }
    }
}

impl From<JoinProgress> for v1::JoinProgress {
    fn from(joining: JoinProgress) -> Self {
        let at_leader = joining.at_leader.as_ref();
        Self {
            to_vote: joining.to_vote,
            replaces: joining.replaces.unwrap_or_default(),
            entries: at_leader.map(|progress| progress.entries),
            entries_of: at_leader.map(|progress| progress.entries_of),
            answers: at_leader.map(|progress| progress.answers),
            exchanging: joining.exchanging,
        }
    }
}
