//! Which branch led when, as the applied log entries tell. Each entry has the term and the replica of the leader that
//! proposed it, and each leader proposes an entry without commands first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bank_ledger::Position;

use super::types::{LeaderId, LogId};

/// A leader, as the first of its entries that this branch applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) term: u64,
    /// The number of the branch. 0: the replica is not a member of the bank any more.
    pub(crate) branch: u32,
    /// Position before the entry. Commands after it were proposed by this leader, up to the next leader's.
    pub(crate) after: Position,
    /// When this branch applied the entry, in microseconds of the host's monotonic clock.
    pub(crate) from_us: u64,
}

/// The leaders of all entries that this branch has applied since its start or its last snapshot, oldest first. It has
/// no gap: a leader of entries that came earlier, or within a snapshot, is not in it. Clones share the record.
#[derive(Debug, Clone)]
pub(super) struct LeaderRecord(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    /// Term of the last applied entry.
    term: u64,
    leaders: VecDeque<Leader>,
}

impl LeaderRecord {
    /// The number of leaders that are remembered, about 32 KiB. More elections than that in one run of a process tell
    /// of a bank in trouble, and the newest tell the most.
    const LEN_MAX: usize = 1024;

    /// A record that begins after the entry that was applied last.
    pub(super) fn after(applied: Option<LogId>) -> Self {
        Self(Arc::new(Mutex::new(Record::after(applied))))
    }

    /// Begins again after a snapshot.
    pub(super) fn begin_again(&self, applied: Option<LogId>) {
        *self.lock() = Record::after(applied);
    }

    /// Notes the leader of an applied entry, if the entry begins a term. `branch_of` finds a replica's branch.
    pub(super) fn applied(
        &self,
        leader: LeaderId,
        after: Position,
        from_us: u64,
        branch_of: impl FnOnce(u64) -> Option<u32>,
    ) {
        let mut record = self.lock();
        if leader.term <= record.term {
            return;
        }
        record.term = leader.term;
        if record.leaders.len() == Self::LEN_MAX {
            record.leaders.pop_front();
        }
        record.leaders.push_back(Leader {
            term: leader.term,
            branch: branch_of(leader.node_id).unwrap_or(0),
            after,
            from_us,
        });
    }

    pub(super) fn all(&self) -> Vec<Leader> {
        self.lock().leaders.iter().copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        // A poisoned lock guards a list in which at most one leader is missing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn after(applied: Option<LogId>) -> Self {
        Self {
            term: applied.map_or(0, |applied| applied.leader_id.term),
            leaders: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leader(term: u64) -> LeaderId {
        LeaderId {
            term,
            node_id: term * 10,
        }
    }

    fn noted(record: &LeaderRecord) -> Vec<(u64, u32, Position)> {
        let all = record.all().into_iter();
        all.map(|leader| (leader.term, leader.branch, leader.after)).collect()
    }

    #[test]
    fn a_leader_is_noted_at_the_first_entry_of_its_term() {
        let record = LeaderRecord::after(None);
        let branch_of = |replica| (replica != 30).then_some(replica as u32 / 10);
        for (term, after) in [(0, 0), (1, 0), (1, 1), (2, 4), (2, 4), (3, 9)] {
            record.applied(leader(term), after, 5, branch_of);
        }
        assert_eq!(noted(&record), [(1, 1, 0), (2, 2, 4), (3, 0, 9)]);
    }

    #[test]
    fn a_record_begins_again_after_a_snapshot_and_is_bounded() {
        let record = LeaderRecord::after(None);
        record.applied(leader(1), 0, 5, |_| Some(1));
        let last = LogId {
            leader_id: leader(2),
            index: 7,
        };
        record.begin_again(Some(last));
        record.applied(leader(2), 8, 5, |_| Some(2));
        assert_eq!(noted(&record), [], "the leader of term 2 had led before the snapshot");
        for term in 3..3 + LeaderRecord::LEN_MAX as u64 + 1 {
            record.applied(leader(term), term, 5, |_| Some(1));
        }
        assert_eq!(record.all().len(), LeaderRecord::LEN_MAX);
        assert_eq!(record.all()[0].term, 4);
    }
}
