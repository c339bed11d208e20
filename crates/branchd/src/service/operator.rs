//! The operators' service.

use std::sync::Arc;

use bank_proto::v1;
use bank_proto::v1::operator_service_server::OperatorService;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::journal;
use crate::branch::Branch;
use crate::{founding, joining};

/// Serves operators.
pub(crate) struct OperatorApi(pub(crate) Arc<Branch>);

/// How a branch is, from what it knows.
pub(crate) fn status(branch: &Branch) -> v1::GetStatusResponse {
    let mut status = v1::GetStatusResponse {
        branch: branch.config.branch,
        role: v1::Role::Uninitialized.into(),
        address: branch.address.clone(),
        data_directory: branch.directory.path().display().to_string(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    let Some(bank) = branch.bank_if_any() else {
        return status;
    };
    let (role, term) = bank.engine.role();
    let ledger = bank.books.ledger();
    status.bank_id = bank.identity.bank_id.to_string();
    status.role = role.into();
    status.term = term;
    status.leader = bank.engine.leader().map_or(0, |leader| leader.branch);
    status.position = ledger.position;
    status.digest = ledger.digest.0.to_vec();
    status.ready = status.leader != 0 && status.position > 0;
    let replicas = bank.engine.replicas().into_iter();
    status.branches = replicas
        .map(|r| v1::BranchStatus {
            branch: r.branch,
            address: r.address,
            voter: r.voter,
        })
        .collect();
    status
}

#[tonic::async_trait]
impl OperatorService for OperatorApi {
    async fn init(&self, request: Request<v1::InitRequest>) -> Result<Response<v1::InitResponse>, Status> {
        let branch = Arc::clone(&self.0);
        // On its own task: a caller that goes away does not leave a founding half done.
        let founding = tokio::spawn(async move { founding::found(&branch, request.into_inner()).await });
        let founded = founding.await.map_err(|error| Status::internal(error.to_string()))?;
        founded.map(Response::new)
    }

    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        let branch = Arc::clone(&self.0);
        let joining = tokio::spawn(async move { joining::join(&branch, request.into_inner()).await });
        let joined = joining.await.map_err(|error| Status::internal(error.to_string()))?;
        joined.map(Response::new)
    }

    type ReadJournalStream = BoxStream<'static, Result<v1::ReadJournalResponse, Status>>;

    async fn read_journal(
        &self,
        request: Request<v1::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let bank = self.0.bank()?;
        let after = request.into_inner().after_position;
        Ok(Response::new(journal::pages(
            bank.identity,
            bank.books.clone(),
            Some(bank.engine.clone()),
            after,
        )))
    }

    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        Ok(Response::new(status(&self.0)))
    }
}
