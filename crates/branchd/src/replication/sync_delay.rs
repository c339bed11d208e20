//! How long the sync of appended entries may wait at this branch.
//!
//! A branch acknowledges entries to the leader only after their sync. The leader counts the acknowledgements of voters,
//! so a voter syncs at once. Nobody waits for the acknowledgement of a branch that does not vote, and such a branch
//! applies committed entries without waiting for its own sync. So its sync may wait and be shared by many appends. If
//! the machine fails meanwhile, the leader sends the entries again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use openraft::EntryPayload;
use openraft::metrics::RaftServerMetrics;
use openraft::rt::WatchReceiver;

use super::types::{Entry, StoredMembership, TypeConfig};

/// The longest that the sync of a branch that does not vote waits. In a bank of fifty branches on one disk, a write every
/// 30 ms is then synced together with two or three others. An operator who adds a branch does not notice the delay.
const LEARNER_SYNC_DELAY_MAX: Duration = Duration::from_millis(100);

/// The engine's report of the membership.
type Metrics = openraft::alias::WatchReceiverOf<TypeConfig, RaftServerMetrics<TypeConfig>>;

/// Decides how long a sync may wait. Clones share what is known of the membership.
#[derive(Clone, Default)]
pub(super) struct SyncDelay(Arc<Known>);

#[derive(Default)]
struct Known {
    /// The engine's report, and how long a sync may wait. Set as soon as the engine runs. Until then no sync waits.
    engine: OnceLock<(Metrics, Duration)>,
    /// The newest membership among the entries that were appended since the start. The engine reports it a little
    /// later.
    appended: Mutex<Option<Appended>>,
}

/// An appended membership, committed or not.
struct Appended {
    index: u64,
    voters: BTreeSet<u64>,
}

impl SyncDelay {
    /// Follows the membership that the engine reports. No sync waits for longer than half a heartbeat interval, because a
    /// heartbeat is answered after the sync of the entries before it, and the leader gives it up when the next one is
    /// due.
    pub(super) fn follow(&self, metrics: Metrics, heartbeat_interval: Duration) {
        let delay = LEARNER_SYNC_DELAY_MAX.min(heartbeat_interval / 2);
        // The engine is started once for each log store.
        let _ = self.0.engine.set((metrics, delay));
    }

    /// How long the sync of these entries, which are about to be appended, may wait.
    pub(super) fn of(&self, entries: &[Entry]) -> Duration {
        let mut appended = self.0.appended.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            if let EntryPayload::Membership(membership) = &entry.payload {
                *appended = Some(Appended {
                    index: entry.log_id.index,
                    voters: membership.voter_ids().collect(),
                });
            }
        }
        let Some((engine, delay)) = self.0.engine.get() else {
            return Duration::ZERO;
        };
        let reported = engine.borrow_watched();
        if is_learner(reported.id, &reported.membership_config, appended.as_ref()) {
            *delay
        } else {
            Duration::ZERO
        }
    }

    /// Forgets a membership that was dropped with the entries after `last`.
    pub(super) fn truncated(&self, last: Option<u64>) {
        let mut appended = self.0.appended.lock().unwrap_or_else(PoisonError::into_inner);
        appended.take_if(|appended| last.is_none_or(|last| appended.index > last));
    }
}

/// Whether `me` is a member that votes neither in the reported membership nor in a newer appended one.
fn is_learner(me: u64, reported: &StoredMembership, appended: Option<&Appended>) -> bool {
    let reported_at = reported.log_id().map(|log_id| log_id.index);
    let newer = appended.filter(|appended| reported_at.is_none_or(|at| appended.index > at));
    reported.get_node(&me).is_some()
        && reported.voter_ids().all(|voter| voter != me)
        && newer.is_none_or(|newer| !newer.voters.contains(&me))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::replication::types::{LeaderId, LogId, Member, Membership};

    const ME: u64 = 7;

    fn membership(voters: &[&[u64]]) -> Membership {
        let members: BTreeMap<u64, Member> = [1, 2, ME].map(|id| (id, Member::default())).into();
        let configs = voters.iter().map(|config| config.iter().copied().collect()).collect();
        Membership::new(configs, members).expect("a membership")
    }

    fn log_id(index: u64) -> LogId {
        let leader_id = LeaderId { term: 1, node_id: 1 };
        LogId { leader_id, index }
    }

    fn entry(index: u64, voters: &[&[u64]]) -> Entry {
        Entry {
            log_id: log_id(index),
            payload: EntryPayload::Membership(membership(voters)),
        }
    }

    fn reported(index: u64, voters: &[&[u64]]) -> StoredMembership {
        StoredMembership::new(Some(log_id(index)), membership(voters))
    }

    #[test]
    fn only_a_member_that_votes_in_no_newest_membership_may_wait() {
        // The reported membership, the appended one, and whether this branch is a learner.
        let cases = [
            (reported(5, &[&[1, 2]]), None, true),
            (reported(5, &[&[1, ME]]), None, false),
            (reported(5, &[&[1, 2], &[1, ME]]), None, false),
            // An uncommitted change that makes this branch a voter counts at once.
            (reported(5, &[&[1, 2]]), Some(entry(6, &[&[1, 2], &[1, ME]])), false),
            // A change that takes the vote away counts once the engine reports it.
            (reported(5, &[&[1, ME]]), Some(entry(6, &[&[1, 2]])), false),
            // The engine reports a membership. It is newer than the membership that was appended last.
            (reported(5, &[&[1, 2]]), Some(entry(4, &[&[1, ME]])), true),
            (StoredMembership::default(), None, false),
        ];
        for (number, (reported, appended, expected)) in cases.into_iter().enumerate() {
            let delay = SyncDelay::default();
            assert_eq!(
                delay.of(appended.as_slice()),
                Duration::ZERO,
                "the engine does not run yet"
            );
            let known = delay.0.appended.lock().expect("no panic");
            assert_eq!(is_learner(ME, &reported, known.as_ref()), expected, "case {number}");
        }
    }

    #[test]
    fn a_truncated_membership_is_forgotten() {
        for (last, left) in [(None, false), (Some(5), false), (Some(6), true)] {
            let delay = SyncDelay::default();
            delay.of(&[entry(6, &[&[1, ME]])]);
            delay.truncated(last);
            assert_eq!(delay.0.appended.lock().expect("no panic").is_some(), left, "{last:?}");
        }
    }
}
