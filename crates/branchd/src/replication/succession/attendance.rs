//! Keeps a call to the leader open that the leader never answers. The end of the call shows at once that the leader's
//! process may have ended, even in a bank without writes. While the call is open, the leader is reached.

use std::time::Duration;

use openraft::rt::WatchReceiver;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Streaming};

use super::super::engine::{Engine, Replica};
use super::super::types::Vote;
use bank_proto::v1;

/// How long a leader may take to accept the call. The next try comes one heartbeat interval later.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// The least time between two looks at who leads.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Keeps a call to the current leader open, as long as the engine runs.
pub(super) async fn attend(engine: Engine) {
    let (signs, timing) = (engine.succession.signs.clone(), engine.succession.timing);
    let me = *engine.raft.node_id();
    loop {
        let leads = engine.leader_id();
        let (vote, ended) = {
            let metrics = engine.raft.metrics();
            let metrics = metrics.borrow_watched();
            (metrics.vote, metrics.running_state.is_err())
        };
        if ended {
            return;
        }
        if leads == Some(me) {
            signs.reached(true);
        } else if let Some(leader) = engine.leader() {
            attend_to(&engine, &leader, vote).await;
            signs.reached(engine.is_leader());
            sleep(timing.heartbeat_interval()).await;
            continue;
        } else {
            signs.reached(false);
        }
        engine.leader_changed(leads, timing.election_timeout).await;
        // Rapid changes must not keep other tasks from running.
        sleep(LOOK_AGAIN).await;
    }
}

/// Holds a call to this leader open until the call ends or the leader changes.
async fn attend_to(engine: &Engine, leader: &Replica, vote: Vote) {
    let signs = &engine.succession.signs;
    let call = timeout(CALL_TIMEOUT, call(engine, leader)).await;
    let Ok(Some(mut answers)) = call else { return };
    signs.reached(true);
    let began = Instant::now();
    tokio::select! {
        // The leader sends nothing, so this returns only when the call ends.
        _ = answers.message() => {
            let after_ms = began.elapsed().as_millis();
            tracing::debug!(branch = leader.branch, after_ms, "the call to the leader ended");
            signs.suspect(vote.leader_id);
        }
        () = engine.leader_changed(Some(leader.id), Duration::MAX) => {}
    }
}

/// Opens the call. `None`: the leader was not reached.
async fn call(engine: &Engine, leader: &Replica) -> Option<Streaming<v1::AttendResponse>> {
    let succession = &engine.succession;
    let mut client = succession.peers.client(leader.branch, leader.for_branches()).ok()?;
    let request = v1::AttendRequest {
        peer: Some(succession.identity.peer_header(leader.id)),
    };
    match client.attend(request).await {
        Ok(answers) => Some(answers.into_inner()),
        Err(status) => {
            if status.code() == Code::Unimplemented {
                // A leader of an older version does not know the call. Its refusal shows that it is reached.
                succession.signs.reached(true);
                engine.leader_changed(Some(leader.id), CALL_TIMEOUT).await;
            }
            None
        }
    }
}
