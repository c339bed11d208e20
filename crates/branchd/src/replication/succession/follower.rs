//! What a follower does about its leader. It notices that the leader is gone, and stops waiting for it.

use std::time::Duration;

use openraft::raft::TransferLeaderRequest;
use openraft::rt::WatchReceiver;

use super::super::engine::Engine;
use super::super::types::Vote;
use super::probe;

impl Engine {
    /// How long this branch has had no leader, if that is too long for an election to be under way. In that case the
    /// branch is cut off, or the bank has no quorum.
    pub(crate) fn leaderless(&self) -> Option<Duration> {
        let cut_off = self.succession.signs.cut_off_for();
        let none = !self.is_leader() && !self.is_being_founded() && cut_off >= self.succession.no_leader_after();
        none.then_some(cut_off)
    }

    /// Whether nothing has been applied here yet. Only the founder waits for the leader of such a bank, and it has a
    /// long deadline.
    pub(super) fn is_being_founded(&self) -> bool {
        self.applied_to.position.at() == 0
    }

    /// Probes the leader, because another branch asks for a pre-vote and may have noticed the leader's end first. If
    /// the leader is gone, this branch stops waiting for it.
    pub(in crate::replication) async fn look_after_leader(&self) {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let vote = metrics.vote;
        let Ok(_one) = self.succession.probing.try_lock() else {
            return;
        };
        if vote.committed && vote.leader_id.node_id != metrics.id && self.is_gone(vote.leader_id.node_id).await {
            self.drop_leader(vote).await;
            self.succession.signs.suspect(vote.leader_id);
        }
    }

    /// Whether nothing listens at a replica's address although its host answers.
    pub(super) async fn is_gone(&self, replica: u64) -> bool {
        let replicas = self.replicas();
        let Some(known) = replicas.into_iter().find(|known| known.id == replica) else {
            return false;
        };
        let address = self.succession.peers.address(known.branch, known.for_branches());
        probe::is_gone(address).await
    }

    /// Ends the lease of a leader at this branch, as if the leader had handed over. The leader remains the leader until
    /// another branch is elected, and its messages still count. But for the rest of its term, its lease no longer makes
    /// this branch refuse pre-votes.
    pub(super) async fn drop_leader(&self, vote: Vote) {
        let dropped = TransferLeaderRequest::new(vote, vote.leader_id.node_id, None);
        // An error means that the engine has ended.
        let _ = self.raft.handle_transfer_leader(dropped).await;
    }
}
