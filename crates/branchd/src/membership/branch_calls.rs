//! Calls to one other branch: its status, and its adoption into the bank. Every error names the branch and its address.

use std::time::Duration;

use bank_auth::DialError;
use bank_proto::v1;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use tonic::Status;
use uuid::Uuid;

use crate::branch::Branch;
use crate::peers::FORMAT;
use crate::reconfiguration::BRANCH_TIMEOUT;

/// How another branch is.
///
/// # Errors
/// It does not answer.
pub(crate) async fn ask(branch: &Branch, b: &v1::BranchAddress) -> Result<v1::GetStatusResponse, Status> {
    let mut client = OperatorServiceClient::new(branch.peers.channel(b.branch, &b.address)?);
    let answer = tokio::time::timeout(BRANCH_TIMEOUT, client.get_status(v1::GetStatusRequest {})).await;
    answered(b, BRANCH_TIMEOUT, answer)
}

/// The answer of another branch, or an error that says which one.
pub(crate) fn answered<T>(
    b: &v1::BranchAddress,
    limit: Duration,
    answer: Result<Result<tonic::Response<T>, Status>, tokio::time::error::Elapsed>,
) -> Result<T, Status> {
    let at = format!("branch {} at {}", b.branch, b.address);
    match answer {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) if status.code() == tonic::Code::Unavailable => Err(match DialError::refusal_in(&status) {
            Some(refusal) => Status::failed_precondition(refusal.to_string()),
            None => Status::unavailable(format!(
                "{at} does not answer: start it, then try again ({})",
                status.message()
            )),
        }),
        Ok(Err(status)) => Err(Status::new(status.code(), format!("{at}: {}", status.message()))),
        Err(_) => Err(Status::deadline_exceeded(format!(
            "{at} did not answer within {limit:?}: is it running?"
        ))),
    }
}

/// Makes another branch one of the bank's, and returns its replica id.
///
/// # Errors
/// It does not answer, or is another bank's.
pub(crate) async fn adopt(branch: &Branch, b: &v1::BranchAddress, bank_id: Uuid) -> Result<u64, Status> {
    let request = v1::AdoptRequest {
        format: FORMAT,
        bank_id: bank_id.as_bytes().to_vec(),
        branch: b.branch,
    };
    let mut client = branch.peers.client(b.branch, &b.address)?;
    Ok(answered(
        b,
        BRANCH_TIMEOUT,
        tokio::time::timeout(BRANCH_TIMEOUT, client.adopt(request)).await,
    )?
    .replica)
}
