//! Decides how long a branch tolerates silence. On an overloaded host a healthy leader is late, and elections add load.
//! So after a scheduling delay the tolerated time is doubled. If it ran out recently as well, the time is quadrupled.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timing;

/// How long a delay or a loss of patience counts.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// The patience of one branch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    /// When this process last waited long for the processor.
    delayed: Option<Instant>,
    /// When the tolerated time last ran out.
    lost: Option<Instant>,
}

impl Patience {
    /// Records that this process ran `late` after its timer. More than a quarter of a heartbeat interval counts as a
    /// delay. More than an election timeout does not, because then the process was stopped and did not wait for the
    /// processor.
    pub(super) fn saw_delay(&mut self, now: Instant, late: Duration, timing: Timing) {
        if late > timing.heartbeat_interval() / 4 && late < timing.election_timeout {
            self.delayed = Some(now);
        }
    }

    /// Records that the tolerated time ran out.
    pub(super) fn lose(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    /// How long silence is tolerated now. `usual` is the time on a host without overload.
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
        // A lost leader alone is no sign of overload.
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
