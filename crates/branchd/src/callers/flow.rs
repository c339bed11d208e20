//! Detects connections whose other end does not read its answers. It compares the bytes that were queued with the bytes
//! that were sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long an answer may wait for a caller that does not read. Keepalive closes the connection of a lost host after 20
/// s, so a caller that exceeds this limit hangs, or holds memory on purpose.
const UNREAD_MAX: Duration = Duration::from_secs(30);

/// How many bytes were queued on a connection, and how many were sent, since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    queued: AtomicU64,
    sent: AtomicU64,
}

impl Flow {
    pub(crate) fn add_queued(&self, bytes: usize) {
        self.queued.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn totals(&self) -> (u64, u64) {
        // `sent` is read first, so it is never greater than the queued bytes.
        let sent = self.sent.load(Ordering::Relaxed);
        (self.queued.load(Ordering::Relaxed), sent)
    }
}

/// Remembers how many bytes were queued at some time.
#[derive(Debug)]
pub(crate) struct StallDetector {
    at: Instant,
    queued: u64,
}

impl StallDetector {
    pub(crate) fn new(now: Instant) -> Self {
        Self { at: now, queued: 0 }
    }

    /// Whether bytes that were queued [`UNREAD_MAX`] ago are still not sent.
    pub(crate) fn is_stalled(&mut self, flow: &Flow, now: Instant) -> bool {
        let (queued, sent) = flow.totals();
        if sent >= self.queued {
            *self = Self { at: now, queued };
            return false;
        }
        now.saturating_duration_since(self.at) >= UNREAD_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_is_not_stalled_and_one_that_reads_too_little_is() {
        let (flow, began) = (Flow::default(), Instant::now());
        let mut watch = StallDetector::new(began);
        // (second, bytes queued and bytes sent before it, whether the connection is stalled)
        for (second, queued, sent, stuck) in [
            (0, 0, 0, false),
            (5, 1000, 1000, false),
            // From here on 500 bytes wait. They are due by second 40.
            (10, 500, 0, false),
            (30, 100, 400, false),
            (39, 100, 99, false),
            // They are sent in time. Of the bytes that were queued since, 201 wait. They are due by second 69.
            (39, 0, 1, false),
            (60, 0, 199, false),
            (68, 0, 0, false),
            (69, 10, 0, true),
        ] {
            flow.add_queued(queued);
            flow.add_sent(sent);
            let now = began + Duration::from_secs(second);
            assert_eq!(watch.is_stalled(&flow, now), stuck, "at {second}");
        }
    }
}
