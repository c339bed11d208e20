//! `branchd remove`: removes a branch from its bank. The operator may ask any branch of the bank.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::branch::Branch;
use crate::branch_client::MembershipChange;
use crate::branch_error::BankUnavailable;
use crate::reconfiguration::MembershipChangeError;

/// How long a removal may take, including a change of the leader.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a branch was not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error("the request names no branch: numbers begin at 1")]
    NoBranch,
    #[error(transparent)]
    Bank(#[from] BankUnavailable),
    #[error(transparent)]
    Change(#[from] MembershipChangeError),
}

/// Removes a branch from the bank, and returns the bank's id.
///
/// # Errors
/// See [`RemoveError`].
pub(crate) async fn remove(branch: &Branch, number: u32) -> Result<Uuid, RemoveError> {
    if number == 0 {
        return Err(RemoveError::NoBranch);
    }
    let bank = branch.bank()?;
    let known = bank.engine.replicas().iter().any(|replica| replica.branch == number);
    let deadline = Instant::now() + REMOVAL_TIMEOUT;
    match bank
        .members
        .ask(&MembershipChange::Remove { branch: number }, deadline)
        .await
    {
        Ok(_) => {}
        // The branch was a member when this call began. The leader removed it for this call, and the answer was lost.
        Err(error) if error.is_unknown_branch() && known => {}
        Err(error) => return Err(error.into()),
    }
    Ok(bank.identity.bank_id)
}
