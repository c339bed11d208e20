//! When a voter that does not lead asks for votes. Pure: what it knows in, what it does out.

use std::time::Duration;

/// What a voter knows of its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// How long it is since a leader was heard, or since the vote changed, whichever is later.
    pub(super) quiet: Duration,
    /// There is a reason to look after the leader, and nothing was heard since.
    pub(super) suspect: bool,
    /// Since then the leader's address was asked: whether its process is gone.
    pub(super) gone: Option<bool>,
}

/// What it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Looks again after this time, or when the leader is suspected.
    Wait(Duration),
    /// Asks the leader's address whether anything listens there.
    Probe,
    /// Drops the leader, and asks the others whether they would vote for it.
    Stand,
}

/// `patience`: how long a leader may be quiet.
pub(super) fn next(view: View, patience: Duration) -> Step {
    if view.suspect && view.gone.is_none() {
        return Step::Probe;
    }
    if view.quiet >= patience || (view.suspect && view.gone == Some(true)) {
        return Step::Stand;
    }
    Step::Wait(patience - view.quiet)
}

/// How long until the next round of asking, where `rounds` have been without an answer: each round takes twice as long, up
/// to the patience with a leader, so that a branch that is cut off costs the others next to nothing.
pub(super) fn pause(round: Duration, rounds: u32, patience: Duration) -> Duration {
    round.saturating_mul(2u32.saturating_pow(rounds)).min(patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_voter_stands_where_its_leader_is_gone_or_quiet_for_too_long() {
        for (quiet, suspect, gone, step) in [
            (0, false, None, Step::Wait(ms(500))),
            (499, false, None, Step::Wait(ms(1))),
            (500, false, None, Step::Stand),
            (0, true, None, Step::Probe),
            (900, true, None, Step::Probe),
            (0, true, Some(true), Step::Stand),
            (10, true, Some(false), Step::Wait(ms(490))),
            (500, true, Some(false), Step::Stand),
            // What was asked before the leader was heard again no longer counts.
            (10, false, Some(true), Step::Wait(ms(490))),
        ] {
            let view = View {
                quiet: ms(quiet),
                suspect,
                gone,
            };
            assert_eq!(next(view, PATIENCE), step, "{view:?}");
        }
    }

    #[test]
    fn rounds_become_rare() {
        let pauses = [0, 1, 2, 3, u32::MAX].map(|rounds| pause(ms(80), rounds, PATIENCE).as_millis());
        assert_eq!(pauses, [80, 160, 320, 500, 500]);
    }
}
