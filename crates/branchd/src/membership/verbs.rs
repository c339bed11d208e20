//! `branchd promote` and `branchd remove`, at whichever branch is asked.

use std::time::Duration;

use bank_proto::v1;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::branch::Branch;
use crate::reconfiguration::plan::is_joining;
use crate::reconfiguration::{PAUSE_MAX, PAUSE_MIN, Wish};

/// How long a removal may take, a change of the leader included.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a branch that learns a voter, and waits until it votes.
///
/// # Errors
/// FAILED_PRECONDITION with the reason where it may not be, DEADLINE_EXCEEDED where it has not caught up by the deadline.
pub(crate) async fn promote(branch: &Branch, number: u32, deadline: Instant) -> Result<v1::PromoteResponse, Status> {
    named(number)?;
    let bank = branch.bank()?;
    let asked = bank.members.ask(&Wish::Promote { branch: number }, deadline).await;
    let recorded = asked.map_err(for_operator)?;
    let mut pause = PAUSE_MIN;
    loop {
        let seats = bank.engine.committed_seats();
        if seats.version >= recorded && !seats.exchanging {
            let of_number = || seats.replicas.iter().filter(|replica| replica.branch == number);
            if of_number().next().is_none() {
                let why = format!("branch {number} was taken out of the bank before it voted");
                return Err(Status::failed_precondition(why));
            }
            if of_number().all(|replica| replica.voter && !is_joining(&seats, replica)) {
                let voters = seats.replicas.iter().filter(|replica| replica.voter);
                return Ok(v1::PromoteResponse {
                    bank_id: bank.identity.bank_id.to_string(),
                    voters: voters.map(|replica| replica.branch).collect(),
                });
            }
        }
        if Instant::now() + pause >= deadline {
            return Err(Status::deadline_exceeded(format!(
                "branch {number} does not vote yet, and will as soon as it has caught up: `branchd status` shows how far it is"
            )));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Takes a branch out of the bank.
///
/// # Errors
/// FAILED_PRECONDITION with the reason where it may not be, UNAVAILABLE where no leader did it in time.
pub(crate) async fn remove(branch: &Branch, number: u32) -> Result<v1::RemoveResponse, Status> {
    named(number)?;
    let bank = branch.bank()?;
    let known = bank.engine.replicas().iter().any(|replica| replica.branch == number);
    let deadline = Instant::now() + REMOVAL_TIMEOUT;
    match bank.members.ask(&Wish::Remove { branch: number }, deadline).await {
        Ok(_) => {}
        // It was there when this call began: it is this call's own change, whose answer was lost.
        Err(status) if status.code() == Code::NotFound && known => {}
        Err(status) => return Err(for_operator(status)),
    }
    Ok(v1::RemoveResponse {
        bank_id: bank.identity.bank_id.to_string(),
    })
}

fn named(number: u32) -> Result<(), Status> {
    match number {
        0 => Err(Status::invalid_argument(
            "the request names no branch: numbers begin at 1",
        )),
        _ => Ok(()),
    }
}

/// What the leader said, with the code that operators know.
pub(super) fn for_operator(status: Status) -> Status {
    match status.code() {
        Code::NotFound => Status::failed_precondition(status.message()),
        _ => status,
    }
}
