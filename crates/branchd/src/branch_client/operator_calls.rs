//! Calls to a branch by its address. The two branches need no common bank; they do need the same secret.

use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use tokio::time::Instant;
use tonic::Response;
use uuid::Uuid;

use super::error::{BranchCallError, CallError};
use super::messages::{BranchSummary, Founded, FoundingRequest, Joined};
use crate::address::BranchAddress;
use crate::peers::{FORMAT, Peers};

/// How long a branch may take to report its status, or to adopt a bank.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks a branch for its status.
pub(crate) async fn ask_status(peers: &Peers, to: &BranchAddress) -> Result<BranchSummary, BranchCallError> {
    let call = async {
        let mut client = OperatorServiceClient::new(peers.channel(to.branch, to.for_branches())?);
        client.get_status(v1::GetStatusRequest {}).await
    };
    within(Instant::now() + TIMEOUT, TIMEOUT, call)
        .await
        .map(BranchSummary::from)
        .map_err(|error| error.of(to))
}

/// Makes a branch without a bank a branch of this bank, and returns its replica id.
pub(crate) async fn adopt(peers: &Peers, to: &BranchAddress, bank_id: Uuid) -> Result<u64, BranchCallError> {
    let request = v1::AdoptRequest {
        format: FORMAT,
        bank_id: bank_id.as_bytes().to_vec(),
        branch: to.branch,
    };
    let call = async { peers.client(to.branch, to.for_branches())?.adopt(request).await };
    within(Instant::now() + TIMEOUT, TIMEOUT, call)
        .await
        .map(|response| response.replica)
        .map_err(|error| error.of(to))
}

/// Passes a request to found a bank on to another branch. An error after the deadline says that the branch had `limit`.
pub(crate) async fn found(
    peers: &Peers,
    to: &BranchAddress,
    request: FoundingRequest,
    deadline: Instant,
    limit: Duration,
) -> Result<Founded, BranchCallError> {
    let call = async {
        let mut client = OperatorServiceClient::new(peers.channel(to.branch, to.for_branches())?);
        client.init(v1::InitRequest::from(request)).await
    };
    let founded = within(deadline, limit, call).await;
    founded
        .and_then(|response| Ok(Founded::try_from(response)?))
        .map_err(|error| error.of(to))
}

/// Asks a branch to let another one join its bank. An error after the deadline says that the branch had `limit`.
pub(crate) async fn join(
    peers: &Peers,
    to: &BranchAddress,
    joiner: BranchAddress,
    deadline: Instant,
    limit: Duration,
) -> Result<Joined, BranchCallError> {
    let request = v1::JoinRequest {
        branch: Some(joiner.into()),
    };
    let call = async {
        let mut client = OperatorServiceClient::new(peers.channel(to.branch, to.for_branches())?);
        client.join(request).await
    };
    let joined = within(deadline, limit, call).await;
    joined
        .and_then(|response| Ok(Joined::try_from(response)?))
        .map_err(|error| error.of(to))
}

async fn within<T>(
    deadline: Instant,
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, tonic::Status>>,
) -> Result<T, CallError> {
    match tokio::time::timeout_at(deadline, call).await {
        Ok(response) => Ok(response?.into_inner()),
        Err(_) => Err(CallError::TimedOut(limit)),
    }
}
