//! Decides when a voter that does not lead asks for votes. Pure: it takes what the voter knows and returns the next
//! step.

use std::time::Duration;

/// What a voter knows about its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// The time since a leader was last heard, or since the vote changed, whichever is shorter.
    pub(super) quiet: Duration,
    /// Whether there is a sign that the leader's process may have ended, and no message since.
    pub(super) suspect: bool,
    /// Whether a probe of the leader's address found its process gone. `None`: there was no probe since the sign.
    pub(super) gone: Option<bool>,
}

/// The next step of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Look again after this time, or as soon as the leader is suspected.
    Wait(Duration),
    /// Ask the leader's address whether anything listens there.
    Probe,
    /// Drop the leader, and ask the other voters for votes.
    Stand,
}

/// The next step of a voter. `patience` is how long a leader may be quiet.
pub(super) fn next(view: View, patience: Duration) -> Step {
    if view.suspect && view.gone.is_none() {
        return Step::Probe;
    }
    if view.quiet >= patience || (view.suspect && view.gone == Some(true)) {
        return Step::Stand;
    }
    Step::Wait(patience - view.quiet)
}

/// The pause before the next round of asking for votes, after `rounds` rounds without a result. It doubles each round,
/// up to the patience with a leader, so a branch that is cut off costs the others almost nothing.
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
            // A probe from before the leader was heard again does not count.
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
