//! Follows a branch from its start until it is current. A branch is current once it has applied everything that it
//! acknowledged before its start and everything that was decided while it was away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::replication::engine::{Engine, Reach};

/// How often the progress is checked.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How recently a leader must have been heard for its commit index to count as known.
const HEARD_WINDOW: Duration = Duration::from_secs(5);
/// The value of `acknowledged` once the branch is current.
const CURRENT: u64 = u64::MAX;

/// Tells how far a branch is behind since its start. Clones share the state.
#[derive(Debug, Clone)]
pub(crate) struct CatchingUp {
    /// How many entries the journal had when the branch was started, or [`CURRENT`].
    acknowledged: Arc<AtomicU64>,
}

impl CatchingUp {
    /// Starts with a branch that has just been opened. A fresh branch counts as current: it has acknowledged nothing,
    /// and its join shows its progress.
    pub(crate) fn new(engine: &Engine, fresh: bool) -> Self {
        let reach = engine.reach();
        if fresh {
            return Self {
                acknowledged: Arc::new(AtomicU64::new(CURRENT)),
            };
        }
        let left = reach.logged.saturating_sub(reach.applied);
        if left > 0 {
            tracing::warn!(
                entries = left,
                applied = reach.applied,
                "the books are behind what this branch has acknowledged: a leader has to say which entries are decided"
            );
        }
        Self {
            acknowledged: Arc::new(AtomicU64::new(reach.logged)),
        }
    }

    /// The number of entries that the branch must still apply.
    pub(crate) fn behind(&self, engine: &Engine) -> u64 {
        match self.acknowledged.load(Ordering::Relaxed) {
            CURRENT => 0,
            acknowledged => behind(acknowledged, engine.reach()),
        }
    }

    /// Logs the progress until the branch is current.
    pub(crate) async fn follow(self, engine: Engine) {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        if acknowledged == CURRENT {
            return;
        }
        let applied_before = engine.reach().applied;
        let (mut logged, mut decided_is_known) = (false, false);
        loop {
            let reach = engine.reach();
            let left = behind(acknowledged, reach);
            if decided_is_known && left == 0 {
                self.acknowledged.store(CURRENT, Ordering::Relaxed);
                let entries = reach.applied.saturating_sub(applied_before);
                if entries > 0 {
                    tracing::info!(entries, "this branch has caught up with what was decided");
                }
                return;
            }
            if decided_is_known && !logged {
                tracing::info!(entries = left, "this branch was away: it catches up");
                logged = true;
            }
            // Only a leader knows what was decided meanwhile. Its answer is in `reach` at the next check.
            decided_is_known = engine.hears_a_leader(HEARD_WINDOW) && reach.decided > 0;
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// The number of entries that a branch must still apply. Acknowledged entries that a later leader has removed from the
/// journal do not count, because they were never decided.
fn behind(acknowledged: u64, reach: Reach) -> u64 {
    let known = acknowledged.min(reach.logged).max(reach.decided);
    known.saturating_sub(reach.applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_behind_what_it_had_and_what_was_decided() {
        // (acknowledged before, applied now, logged now, decided now, behind)
        for (acknowledged, applied, logged, decided, expected) in [
            (0, 0, 0, 0, 0),
            (10, 10, 10, 0, 0),
            (10, 7, 10, 0, 3),
            (10, 7, 10, 8, 3),
            (10, 10, 10, 50, 40),
            (10, 50, 50, 50, 0),
            // Two entries were never decided, and the new leader has removed them.
            (10, 8, 8, 8, 0),
        ] {
            let reach = Reach {
                applied,
                logged,
                decided,
            };
            assert_eq!(behind(acknowledged, reach), expected, "{acknowledged} {reach:?}");
        }
    }
}
