//! Read-your-writes, the writer's way: the reply waits until every branch has applied the write.

use std::time::Duration;

use bank_ledger::Position;
use bank_proto::v1;
use tokio::time::Instant;
use tonic::Status;

use crate::branch::{Bank, Branch};
use crate::callers::Held;
use crate::reconfiguration::plan::is_joining;
use crate::replication::engine::Replica;

/// How many writes may wait at once until every branch has them. Each has a call to every other branch under way: half of those
/// that a connection may have, so that the engine's own calls never wait for one of them to end.
pub(crate) const PROPAGATING_MAX: u32 = 512;

/// How soon a branch that could not be asked is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A place for a write that is to reach every branch.
///
/// # Errors
/// RESOURCE_EXHAUSTED where too many have one; nothing has been proposed then.
pub(crate) fn place(bank: &Bank) -> Result<Held, Status> {
    bank.propagating.take(1).map_err(|_| {
        let branch = bank.identity.branch;
        Status::resource_exhausted(format!(
            "{PROPAGATING_MAX} writes are waiting at branch {branch} until every branch has them: try again in a moment, \
             with the same request id"
        ))
    })
}

/// Waits until every branch has applied the position, and returns the branches that had not by the deadline.
pub(crate) async fn everywhere(branch: &Branch, bank: &Bank, position: Position, deadline: Instant) -> Vec<u32> {
    // First this branch itself: who is a branch of the bank is read only once everything before the write is known here,
    // one that has just joined included.
    let me = bank.identity.replica;
    let here = bank.reads.wait_position(position, deadline).await.is_ok();
    // A branch whose join is under way is no branch yet: it may never come.
    let seats = bank.engine.seats();
    let full = seats.replicas.iter().filter(|replica| !is_joining(&seats, replica));
    let waits = full.map(|replica| async move {
        let applied = if replica.id == me {
            here
        } else {
            applied_at(branch, bank, replica, position, deadline).await
        };
        (!applied).then_some(replica.branch)
    });
    futures::future::join_all(waits).await.into_iter().flatten().collect()
}

/// Asks until it answers or the time is over: a branch that starts again in time is not missing.
async fn applied_at(branch: &Branch, bank: &Bank, replica: &Replica, position: Position, deadline: Instant) -> bool {
    let ask = || async {
        let mut client = branch.peers.client(replica.branch, &replica.address)?;
        let message = v1::AwaitPositionRequest {
            peer: Some(bank.identity.greet(replica.id)),
            position,
        };
        let mut request = tonic::Request::new(message);
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        client.await_position(request).await
    };
    let confirmed = async {
        while let Err(status) = ask().await {
            tracing::debug!(branch = replica.branch, position, %status, "not confirmed yet");
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    };
    tokio::time::timeout_at(deadline, confirmed).await.is_ok()
}
