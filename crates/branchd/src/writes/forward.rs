//! Forwards batches to the branch that leads.

use std::error::Error;
use std::time::Duration;

use bank_ledger::{Applied, Command};
use bank_proto::metadata::{DISK_FULL, FATE, NOT_APPLIED};
use bank_proto::v1;
use tonic::{Code, ConnectError, Status};

use super::convert::outcome_from_wire;
use crate::peers::{Identity, Peers};
use crate::replication::engine::{ProposeError, Replica};

/// Sends a batch to the branch that leads and returns its outcomes.
///
/// # Errors
/// [`ProposeError::Unknown`] if the leader may have proposed the batch. After any other error the leader did not
/// propose it.
pub(super) async fn forward(
    peers: &Peers,
    me: Identity,
    leader: &Replica,
    commands: &[Command],
    timeout: Duration,
) -> Result<Vec<Applied>, ProposeError> {
    let unsent = |_: Status| ProposeError::NotLeader;
    let mut client = peers.client(leader.branch, leader.for_branches()).map_err(unsent)?;
    let request = v1::ForwardRequest {
        peer: Some(me.peer_header(leader.id)),
        commands: commands.iter().map(crate::replication::command_to_wire).collect(),
    };
    let mut request = tonic::Request::new(request);
    request.set_timeout(timeout);
    match client.forward(request).await {
        Ok(response) => {
            let outcomes = response.into_inner().outcomes.into_iter().map(outcome_from_wire);
            let outcomes: Option<Vec<Applied>> = outcomes.collect();
            outcomes.ok_or_else(|| ProposeError::Unknown("the leader's answer is malformed".to_owned()))
        }
        Err(status) => Err(failure(&status, leader.branch)),
    }
}

/// Maps the status of a failed call to what is known about the batch.
fn failure(status: &Status, leader: u32) -> ProposeError {
    let says_not_applied = status.metadata().get(FATE).is_some_and(|fate| fate == NOT_APPLIED);
    if !says_not_applied && !was_never_sent(status) {
        return ProposeError::Unknown(format!("branch {leader}: {}", status.message()));
    }
    match status.code() {
        Code::ResourceExhausted if status.metadata().contains_key(DISK_FULL) => {
            ProposeError::DiskFull { branch: leader }
        }
        Code::ResourceExhausted => ProposeError::Overloaded { branch: leader },
        _ => ProposeError::NotLeader,
    }
}

/// Whether the call failed because no connection was made.
fn was_never_sent(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_says_so_or_was_never_sent_is_definite() {
        let definite = (FATE, NOT_APPLIED);
        for (code, metadata, expected) in [
            (Code::Unavailable, vec![], "Unknown"),
            (Code::DeadlineExceeded, vec![(FATE, "unknown")], "Unknown"),
            // An answer without a fate may come from a proxy: it proves nothing.
            (Code::ResourceExhausted, vec![(DISK_FULL, "true")], "Unknown"),
            (Code::Unavailable, vec![definite], "NotLeader"),
            (Code::ResourceExhausted, vec![definite], "Overloaded { branch: 7 }"),
            (
                Code::ResourceExhausted,
                vec![definite, (DISK_FULL, "true")],
                "DiskFull { branch: 7 }",
            ),
        ] {
            let mut status = Status::new(code, "why");
            for (key, value) in &metadata {
                status
                    .metadata_mut()
                    .insert(*key, tonic::metadata::MetadataValue::from_static(value));
            }
            let error = format!("{:?}", failure(&status, 7));
            assert!(error.starts_with(expected), "{code:?} {metadata:?}: {error}");
        }
    }
}
