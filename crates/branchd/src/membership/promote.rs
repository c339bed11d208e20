//! `branchd promote`: makes a learner a voter. The operator may ask any branch of the bank.

use tokio::time::Instant;
use uuid::Uuid;

use crate::branch::Branch;
use crate::branch_client::MembershipChange;
use crate::branch_error::BankUnavailable;
use crate::reconfiguration::plan::is_joining;
use crate::reconfiguration::{MembershipChangeError, PAUSE_MAX, PAUSE_MIN};

/// A branch that has become a voter.
#[derive(Debug)]
pub(crate) struct Promoted {
    pub(crate) bank_id: Uuid,
    /// The numbers of the branches that vote now.
    pub(crate) voters: Vec<u32>,
}

/// Why a branch does not vote.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromoteError {
    #[error("the request names no branch: numbers begin at 1")]
    NoBranch,
    #[error(transparent)]
    Bank(#[from] BankUnavailable),
    #[error(transparent)]
    Change(#[from] MembershipChangeError),
    #[error("branch {0} was taken out of the bank before it voted")]
    Removed(u32),
    #[error("branch {0} does not vote yet, and will as soon as it has caught up: `branchd status` shows how far it is")]
    NotInTime(u32),
}

/// Makes a learner a voter, and waits until it votes.
///
/// # Errors
/// See [`PromoteError`]. After [`PromoteError::NotInTime`] the promotion goes on by itself.
pub(crate) async fn promote(branch: &Branch, number: u32, deadline: Instant) -> Result<Promoted, PromoteError> {
    if number == 0 {
        return Err(PromoteError::NoBranch);
    }
    let bank = branch.bank()?;
    let change = MembershipChange::Promote { branch: number };
    let recorded = bank.members.ask(&change, deadline).await?;
    let mut pause = PAUSE_MIN;
    loop {
        let seats = bank.engine.committed_seats();
        if seats.version >= recorded && !seats.exchanging {
            let of_number = || seats.replicas.iter().filter(|replica| replica.branch == number);
            if of_number().next().is_none() {
                return Err(PromoteError::Removed(number));
            }
            if of_number().all(|replica| replica.voter && !is_joining(&seats, replica)) {
                let voters = seats.replicas.iter().filter(|replica| replica.voter);
                return Ok(Promoted {
                    bank_id: bank.identity.bank_id,
                    voters: voters.map(|replica| replica.branch).collect(),
                });
            }
        }
        if Instant::now() + pause >= deadline {
            return Err(PromoteError::NotInTime(number));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
