//! Whether the other end of a connection takes its answers: bytes handed on, bytes sent, and a time by which what was
//! handed on must have been sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long an answer may wait for a caller that does not read. Keepalive closes the connection of a host that is gone after
/// 20 s; one that is there and reads less than this hangs, or holds memory on purpose.
const UNREAD_MAX: Duration = Duration::from_secs(30);

/// What has been handed on to a connection and what of it has been sent, in bytes since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    handed_on: AtomicU64,
    sent: AtomicU64,
}

impl Flow {
    pub(crate) fn hand_on(&self, bytes: usize) {
        self.handed_on.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn send(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn totals(&self) -> (u64, u64) {
        // In this order, what was sent is never more than what was handed on.
        let sent = self.sent.load(Ordering::Relaxed);
        (self.handed_on.load(Ordering::Relaxed), sent)
    }
}

/// Remembers how much had been handed on at some time.
#[derive(Debug)]
pub(crate) struct StallDetector {
    at: Instant,
    handed_on: u64,
}

impl StallDetector {
    pub(crate) fn new(now: Instant) -> Self {
        Self { at: now, handed_on: 0 }
    }

    /// Whether bytes that were handed on [`UNREAD_MAX`] ago are still not sent.
    pub(crate) fn is_stalled(&mut self, flow: &Flow, now: Instant) -> bool {
        let (handed_on, sent) = flow.totals();
        if sent >= self.handed_on {
            *self = Self { at: now, handed_on };
            return false;
        }
        now.saturating_duration_since(self.at) >= UNREAD_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_slowly_is_not_stuck_and_who_reads_too_little_is() {
        let (flow, began) = (Flow::default(), Instant::now());
        let mut watch = StallDetector::new(began);
        // (at this second, so much is handed on and so much sent before, whether it is stuck)
        for (second, handed_on, sent, stuck) in [
            (0, 0, 0, false),
            (5, 1000, 1000, false),
            // From here on 500 wait, which are due by 40.
            (10, 500, 0, false),
            (30, 100, 400, false),
            (39, 100, 99, false),
            // They are sent in time. Of what came since, 201 wait, which are due by 69.
            (39, 0, 1, false),
            (60, 0, 199, false),
            (68, 0, 0, false),
            (69, 10, 0, true),
        ] {
            flow.hand_on(handed_on);
            flow.send(sent);
            let now = began + Duration::from_secs(second);
            assert_eq!(watch.is_stalled(&flow, now), stuck, "at {second}");
        }
    }
}
