//! Limits how often a line is logged, so that a caller that does the same again and again does not fill the disk.

use std::time::{Duration, Instant};

/// Limits how often a line is logged.
#[derive(Debug)]
pub(crate) struct LogLimit {
    interval: Duration,
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// One line in each interval, at most.
    pub(crate) fn every(interval: Duration) -> Self {
        Self {
            interval,
            last: None,
            suppressed: 0,
        }
    }

    /// Whether to log the line now. Returns how many lines were left out since the last one.
    pub(crate) fn allow(&mut self, now: Instant) -> Option<u64> {
        let soon = |last| now.saturating_duration_since(last) < self.interval;
        if self.last.is_some_and(soon) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_one_line_an_interval_and_counts_the_others() {
        let mut log = LogLimit::every(Duration::from_secs(1));
        let began = Instant::now();
        for (ms, said) in [
            (0, Some(0)),
            (10, None),
            (999, None),
            (1000, Some(2)),
            (1001, None),
            (5000, Some(1)),
            (9000, Some(0)),
        ] {
            assert_eq!(log.allow(began + Duration::from_millis(ms)), said, "{ms}");
        }
    }
}
