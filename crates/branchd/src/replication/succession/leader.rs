//! What a leader does when another branch should lead: finds a successor, and gives up the lead.

use std::time::Duration;

use openraft::raft::VoteRequest;
use openraft::rt::WatchReceiver;
use openraft::{Instant as _, RaftMetrics};

use super::super::engine::Engine;
use super::super::types::{LeaderId, LogId, TypeConfig, Vote};
use super::lead;

/// Higher than any log index. A vote that is given in advance sets no condition on the candidate's log, and the
/// candidate still has to ask with its log.
const ANY_INDEX: u64 = u64::MAX;

impl Engine {
    /// Whether this branch leads, its disk is full, and it hands over or is about to hand over to a branch with room.
    pub(crate) fn hands_over_for_space(&self) -> bool {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let view = self.lead_view(&metrics, Duration::ZERO);
        matches!(
            lead::next(view, Duration::MAX),
            lead::Step::HandOver(_, lead::Trouble::DiskFull)
        ) || self.is_handing_over()
    }

    /// Whether a hand-over may be under way. It takes no longer than the longest election timeout.
    fn is_handing_over(&self) -> bool {
        let since = *self.succession.handed_over();
        since.is_some_and(|since| since.elapsed() < self.succession.timing.election_timeout_max())
    }

    /// What this leader knows. `unanswered` is the time since it sent the newest message that a quorum has answered.
    pub(super) fn lead_view(&self, metrics: &RaftMetrics<TypeConfig>, unanswered: Duration) -> lead::View {
        let voters = metrics.membership_config.voter_ids().count();
        let busy = self.succession.pace.busy_for();
        let trouble = if self.is_disk_full() {
            Some(lead::Trouble::DiskFull)
        } else {
            (busy >= self.succession.books_busy_max()).then_some(lead::Trouble::BooksStuck(busy))
        };
        let handed_over = *self.succession.handed_over();
        lead::View {
            alone: voters <= 1,
            unanswered,
            trouble,
            successor: trouble.and_then(|_| self.fit_successor(metrics)),
            handed_over: handed_over.map(|at| at.elapsed()),
        }
    }

    /// The voter with the longest log among those that answer and have room on their disks.
    fn fit_successor(&self, metrics: &RaftMetrics<TypeConfig>) -> Option<u64> {
        let answers = |id: &u64| {
            let answered = metrics.heartbeat.as_ref().and_then(|all| *all.get(id)?);
            answered.is_some_and(|at| at.into_inner().elapsed() < self.succession.timing.election_timeout)
        };
        Self::most_advanced(metrics, |id| answers(id) && !self.succession.full_disks.include(*id))
    }

    /// Makes this leader a follower, whatever the others do. It votes in the next term for the lowest other voter,
    /// without telling that voter. If that voter asks for the vote, its log is compared as usual. Any other voter may
    /// win instead, because the vote is for the lowest one.
    pub(super) async fn resign(&self, vote: Vote, metrics: &RaftMetrics<TypeConfig>) {
        let others = metrics.membership_config.voter_ids().filter(|id| *id != metrics.id);
        let Some(lowest) = others.min() else { return };
        let leader_id = LeaderId {
            term: vote.leader_id.term + 1,
            node_id: lowest,
        };
        let any_log = LogId {
            leader_id,
            index: ANY_INDEX,
        };
        let next = Vote {
            leader_id,
            committed: false,
        };
        let mut request = VoteRequest::new(next, Some(any_log));
        // A vote is normally refused while a leader has its lease. This lease is this leader's own.
        request.leadership_transfer = true;
        if let Err(error) = self.raft.vote(request).await {
            tracing::warn!(%error, "the lead was not given up");
        }
    }
}
