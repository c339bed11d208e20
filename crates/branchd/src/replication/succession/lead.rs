//! When a leader gives up the lead. Pure: what it knows in, what it does out.

use std::fmt;
use std::time::Duration;

/// After a hand-over this branch does not hand over again for so long: where every branch has the same trouble, the lead
/// does not go round.
pub(super) const HAND_OVER_AGAIN: Duration = Duration::from_secs(10);

/// Why a leader had better be another branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Its disk has no room for further writes.
    DiskFull,
    /// Its books have been busy with one piece of work for so long.
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

/// What a leader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// It is the only voter.
    pub(super) alone: bool,
    /// How long ago it sent the newest message that a quorum has answered.
    pub(super) unanswered: Duration,
    pub(super) trouble: Option<Trouble>,
    /// The voter that is to lead instead: one that answers and has no such trouble.
    pub(super) successor: Option<u64>,
    /// How long ago this branch last handed over.
    pub(super) handed_over: Option<Duration>,
}

/// What it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Leads on.
    Lead,
    /// Makes this voter lead.
    HandOver(u64, Trouble),
    /// No quorum has answered for so long: this branch gives the lead up, though no successor is known.
    Resign(Duration),
}

/// `patience`: how long a quorum may leave a leader without an answer.
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
            // Nobody is better off.
            (
                View {
                    successor: None,
                    ..full
                },
                Step::Lead,
            ),
            // The lead does not go round.
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
            // Whatever else is the matter: nobody who answers can be handed the lead.
            (
                View {
                    unanswered: PATIENCE,
                    handed_over: Some(seconds(1)),
                    ..full
                },
                Step::Resign(PATIENCE),
            ),
            // The only voter of a bank leads whatever happens.
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
