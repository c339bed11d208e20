//! A branch from its start until it is current: how far it is behind what it had acknowledged before, and behind what was
//! decided while it was away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::replication::engine::{Engine, Reach};

/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// A leader that was heard so long ago at the most has said how much is decided.
const HEARD_WINDOW: Duration = Duration::from_secs(5);
/// Once it is current.
const CURRENT: u64 = u64::MAX;

/// Follows it. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct CatchingUp {
    /// How many entries the branch had in its journal when it was started, or [`CURRENT`].
    acknowledged: Arc<AtomicU64>,
}

impl CatchingUp {
    /// A branch that has just been opened. A fresh one has acknowledged nothing; how far it is, its join tells.
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

    /// How many entries it still has to apply.
    pub(crate) fn behind(&self, engine: &Engine) -> u64 {
        match self.acknowledged.load(Ordering::Relaxed) {
            CURRENT => 0,
            acknowledged => behind(acknowledged, engine.reach()),
        }
    }

    /// Says so in the log, until it is current.
    pub(crate) async fn follow(self, engine: Engine) {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        if acknowledged == CURRENT {
            return;
        }
        let applied_before = engine.reach().applied;
        let (mut said, mut told) = (false, false);
        loop {
            let reach = engine.reach();
            let left = behind(acknowledged, reach);
            if told && left == 0 {
                self.acknowledged.store(CURRENT, Ordering::Relaxed);
                let entries = reach.applied.saturating_sub(applied_before);
                if entries > 0 {
                    tracing::info!(entries, "this branch has caught up with what was decided");
                }
                return;
            }
            if told && !said {
                tracing::info!(entries = left, "this branch was away: it catches up");
                said = true;
            }
            // Without a word of a leader nobody knows what was decided meanwhile. What it says is known by the next look.
            told = engine.hears_a_leader(HEARD_WINDOW) && reach.decided > 0;
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// What it had acknowledged counts as far as the leader has not struck it out: nothing of that was ever decided.
fn behind(acknowledged: u64, reach: Reach) -> u64 {
    let known = acknowledged.min(reach.logged).max(reach.decided);
    known.saturating_sub(reach.applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_behind_what_it_had_and_what_was_decided() {
        // Acknowledged before; applied, logged and decided now; behind.
        for (acknowledged, applied, logged, decided, expected) in [
            (0, 0, 0, 0, 0),
            (10, 10, 10, 0, 0),
            (10, 7, 10, 0, 3),
            (10, 7, 10, 8, 3),
            (10, 10, 10, 50, 40),
            (10, 50, 50, 50, 0),
            // Three entries were never decided, and the new leader has struck them out.
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
