//! How long a branch puts up with silence. On an overloaded host, where branches wait for their turn, a leader is late too, and
//! elections make it worse: there a branch is twice as patient, and where it was out of patience all the same, four times.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timing;

/// So long after it, a delay or a loss of patience no longer counts.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// The patience of one branch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    /// When this branch last waited for its turn for long.
    delayed: Option<Instant>,
    /// When it was last out of patience.
    lost: Option<Instant>,
}

impl Patience {
    /// This branch ran so much later than it wanted to. A quarter of a heartbeat is long; past an election timeout it did not
    /// wait for its turn, but was stopped.
    pub(super) fn saw_delay(&mut self, now: Instant, late: Duration, timing: Timing) {
        if late > timing.heartbeat_interval() / 4 && late < timing.election_timeout {
            self.delayed = Some(now);
        }
    }

    /// This branch was out of patience.
    pub(super) fn lose(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    /// How long it puts up with silence now; `usual`: on a host that is well.
    pub(super) fn now(&self, now: Instant, usual: Duration) -> Duration {
        let lately = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < FORGOTTEN_AFTER);
        match (lately(self.delayed), lately(self.lost)) {
            (false, _) => usual,
            (true, false) => usual * 2,
            (true, true) => usual * 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_more_patient_while_its_host_is_overloaded() {
        let began = Instant::now();
        let ms = Duration::from_millis;
        let at = |seconds| began + Duration::from_secs(seconds);
        let now = |patience: Patience, seconds| patience.now(at(seconds), ms(1)).as_millis();
        let mut patience = Patience::default();
        // A leader that is gone is no sign of an overload.
        patience.lose(at(0));
        let timing = Timing {
            election_timeout: ms(300),
        };
        patience.saw_delay(at(0), ms(25), timing);
        patience.saw_delay(at(0), ms(300), timing);
        assert_eq!(now(patience, 0), 1);
        patience.saw_delay(at(20), ms(26), timing);
        assert_eq!([now(patience, 20), now(patience, 29), now(patience, 30)], [2, 2, 1]);
        patience.lose(at(29));
        assert_eq!([now(patience, 29), now(patience, 30)], [4, 1]);
        patience.saw_delay(at(31), ms(26), timing);
        assert_eq!([now(patience, 38), now(patience, 39), now(patience, 41)], [4, 2, 1]);
    }
}
