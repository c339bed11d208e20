//! Decides when a leader gives up the lead. Pure: it takes what the leader knows and returns the next step.

use std::fmt;
use std::time::Duration;

/// The least time between two hand-overs by one branch. It keeps the lead from going round when every branch has the
/// same trouble.
pub(super) const HAND_OVER_AGAIN: Duration = Duration::from_secs(10);

/// Why another branch should lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The leader's disk has no room for further writes.
    DiskFull,
    /// The leader's ledger database has been busy with one piece of work for this time.
    BooksStuck(Duration),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str("its disk is full: make room there"),
            Self::BooksStuck(for_long) => write!(
                f,
                "its books have been waiting for the disk for {} ms: check the disk",
                for_long.as_millis()
            ),
        }
    }
}

/// What a leader knows about itself and the other voters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// Whether this leader is the only voter.
    pub(super) alone: bool,
    /// The time since this leader sent the newest message that a quorum has answered.
    pub(super) unanswered: Duration,
    pub(super) trouble: Option<Trouble>,
    /// The voter that should lead instead. It answers, and its disk is not full.
    pub(super) successor: Option<u64>,
    /// The time since this branch last handed over.
    pub(super) handed_over: Option<Duration>,
}

/// The next step of a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Continue to lead.
    Lead,
    /// Hand the lead to this voter.
    HandOver(u64, Trouble),
    /// Give up the lead without a successor, because no quorum has answered for this time.
    Resign(Duration),
}

/// The next step of a leader. `patience` is how long a quorum may leave the leader without an answer.
pub(super) fn next(view: View, patience: Duration) -> Step {
    if view.alone {
        return Step::Lead;
    }
    if view.unanswered >= patience {
        return Step::Resign(view.unanswered);
    }
    let again_too_soon = view.handed_over.is_some_and(|ago| ago < HAND_OVER_AGAIN);
    match (view.trouble, view.successor) {
        (Some(trouble), Some(successor)) if !again_too_soon => Step::HandOver(successor, trouble),
        _ => Step::Lead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_leader_gives_up_the_lead_where_another_can_do_better() {
        let well = View {
            alone: false,
            unanswered: Duration::ZERO,
            trouble: None,
            successor: Some(7),
            handed_over: None,
        };
        let full = View {
            trouble: Some(Trouble::DiskFull),
            ..well
        };
        let stuck = Trouble::BooksStuck(seconds(2));
        for (view, step) in [
            (well, Step::Lead),
            (full, Step::HandOver(7, Trouble::DiskFull)),
            (
                View {
                    trouble: Some(stuck),
                    ..well
                },
                Step::HandOver(7, stuck),
            ),
            // There is no better branch.
            (
                View {
                    successor: None,
                    ..full
                },
                Step::Lead,
            ),
            // The last hand-over is too recent.
            (
                View {
                    handed_over: Some(seconds(9)),
                    ..full
                },
                Step::Lead,
            ),
            (
                View {
                    handed_over: Some(seconds(10)),
                    ..full
                },
                Step::HandOver(7, Trouble::DiskFull),
            ),
            (
                View {
                    unanswered: Duration::from_millis(999),
                    ..well
                },
                Step::Lead,
            ),
            (
                View {
                    unanswered: PATIENCE,
                    ..well
                },
                Step::Resign(PATIENCE),
            ),
            // Without a quorum the leader resigns, even if it has other trouble.
            (
                View {
                    unanswered: PATIENCE,
                    handed_over: Some(seconds(1)),
                    ..full
                },
                Step::Resign(PATIENCE),
            ),
            // The only voter of a bank always leads.
            (
                View {
                    alone: true,
                    unanswered: seconds(60),
                    ..full
                },
                Step::Lead,
            ),
        ] {
            assert_eq!(next(view, PATIENCE), step, "{view:?}");
        }
    }
}
