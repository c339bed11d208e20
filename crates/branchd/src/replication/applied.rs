//! How far this branch has applied the log, and when it applied which position.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bank_ledger::Position;

use super::progress::Progress;
use super::types::{LogId, entries_up_to};

/// How far this branch has applied the log. A number appears here after reads can see the state that it stands for.
#[derive(Debug, Clone)]
pub(crate) struct AppliedTo {
    /// The number of applied commands.
    pub(crate) position: Progress,
    /// The number of applied log entries, which is the index of the last one plus 1.
    pub(crate) entries: Progress,
}

impl AppliedTo {
    pub(super) fn new(position: Position, last: Option<LogId>) -> Self {
        Self {
            position: Progress::new(position),
            entries: Progress::new(entries_up_to(last)),
        }
    }

    pub(super) fn reach(&self, position: Position, last: Option<LogId>) {
        self.position.reach(position);
        self.entries.reach(entries_up_to(last));
    }
}

/// When this branch applied each of the newest batches. Clones share the record.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApplyTimes(Arc<Mutex<VecDeque<(Position, u64)>>>);

impl ApplyTimes {
    /// The number of batches that are remembered, about 1 MiB.
    const LEN_MAX: usize = 65_536;

    pub(super) fn applied(&self, up_to: Position, at_us: u64) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() == Self::LEN_MAX {
            times.pop_front();
        }
        times.push_back((up_to, at_us));
    }

    /// The time at which this branch applied a position, in microseconds of the host's monotonic clock. `None`: the
    /// time is not known.
    pub(super) fn of(&self, position: Position) -> Option<u64> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = times.partition_point(|(up_to, _)| *up_to < position);
        // The first position of the oldest batch is not known, so the oldest batch gives no answer.
        (at > 0).then(|| times.get(at).map(|(_, at_us)| *at_us)).flatten()
    }
}
