//! The operators' service.

use std::sync::Arc;

use bank_proto::v1;
use bank_proto::v1::operator_service_server::OperatorService;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::{commands, deadline};
use crate::branch::Branch;
use crate::membership;

/// Serves operators.
pub(crate) struct OperatorApi(pub(crate) Arc<Branch>);

#[tonic::async_trait]
impl OperatorService for OperatorApi {
    async fn init(&self, request: Request<v1::InitRequest>) -> Result<Response<v1::InitResponse>, Status> {
        let branch = Arc::clone(&self.0);
        // On its own task: a caller that goes away does not leave a founding half done.
        let founding = tokio::spawn(async move { membership::found(&branch, request.into_inner()).await });
        let founded = founding.await.map_err(|error| Status::internal(error.to_string()))?;
        founded.map(Response::new)
    }

    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        let deadline = deadline::of_change(request.metadata());
        let joined = membership::join(&self.0, request.into_inner(), deadline).await;
        joined.map(Response::new)
    }

    async fn promote(&self, request: Request<v1::PromoteRequest>) -> Result<Response<v1::PromoteResponse>, Status> {
        let deadline = deadline::of_change(request.metadata());
        let promoted = membership::promote(&self.0, request.into_inner().branch, deadline).await;
        promoted.map(Response::new)
    }

    async fn remove(&self, request: Request<v1::RemoveRequest>) -> Result<Response<v1::RemoveResponse>, Status> {
        let removed = membership::remove(&self.0, request.into_inner().branch).await;
        removed.map(Response::new)
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
        Ok(Response::new(membership::status(&self.0)))
    }
}
