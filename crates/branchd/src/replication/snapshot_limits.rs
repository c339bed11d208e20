//! Limits that the sender and the receiver of a snapshot share: sizes, deadlines, and the pauses between tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::network::Backoff;

/// The size of one chunk, in bytes.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// The most chunks that wait to be sent.
pub(super) const CHUNKS_QUEUED_MAX: usize = 4;

/// The most snapshots that a leader sends at once. Each holds some chunks in memory and a read transaction open. Two
/// already use a network or a disk fully.
pub(super) const SENDINGS_MAX: usize = 2;

/// How long the answer to an offer may take, including the connection.
pub(super) const OFFER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long either side waits for the other between two chunks. A slow disk syncs in less time.
pub(super) const CHUNK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a transfer may take before its bytes are counted.
const TRAVEL_TIMEOUT: Duration = Duration::from_secs(60);
/// The least rate of a transfer. A network or disk with less than 1 MiB in a second is too slow for a bank.
const TRAVEL_BYTES_PER_SECOND: u64 = 1 << 20;

/// How long the transfer of `length` bytes may take.
pub(super) fn travel_timeout(length: u64) -> Duration {
    TRAVEL_TIMEOUT.saturating_add(Duration::from_secs(length / TRAVEL_BYTES_PER_SECOND))
}

/// How long the transfer and the install of `length` bytes may take. The install reads and writes all of them again.
pub(super) fn whole_timeout(length: u64) -> Duration {
    travel_timeout(length).saturating_mul(2)
}

/// The first pause after an offer that was refused or not answered. An offer is one small message, so the pause can be
/// short.
const OFFER_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause after an offer.
const OFFER_PAUSE_MAX: Duration = Duration::from_secs(2);

/// The first pause after a transfer that ended early. Almost a whole transfer may have been wasted.
const COPY_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a transfer that ended early.
const COPY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// The failed tries to send a snapshot to one replica, and the pause that follows from them.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// Offers in a row that were not accepted.
    unaccepted: u32,
    /// Transfers that ended early.
    broken: u32,
    /// The reason that was logged last.
    told: Option<String>,
    pause_ms: Arc<AtomicU64>,
}

impl Tries {
    /// Counts an offer that was not accepted. Returns whether the reason differs from the last logged reason.
    pub(super) fn not_accepted(&mut self, reason: &str) -> bool {
        self.unaccepted = self.unaccepted.saturating_add(1);
        self.set_pause(pause(OFFER_PAUSE, OFFER_PAUSE_MAX, self.unaccepted));
        let new = self.told.as_deref() != Some(reason);
        if new {
            self.told = Some(reason.to_owned());
        }
        new
    }

    /// Counts a transfer that was accepted and ended early.
    pub(super) fn broke_off(&mut self) {
        self.unaccepted = 0;
        self.told = None;
        self.broken = self.broken.saturating_add(1);
        self.set_pause(pause(COPY_PAUSE, COPY_PAUSE_MAX, self.broken));
    }

    /// The pauses for openraft. Each is computed at the time at which openraft asks for it.
    pub(super) fn backoff(&self) -> Backoff {
        let due = Arc::clone(&self.pause_ms);
        Backoff::new(std::iter::repeat_with(move || {
            Duration::from_millis(due.load(Ordering::Relaxed))
        }))
    }

    fn set_pause(&self, pause: Duration) {
        let ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.pause_ms.store(ms, Ordering::Relaxed);
    }
}

/// The pause after `failures` failures in a row. It doubles with each failure.
fn pause(first: Duration, longest: Duration, failures: u32) -> Duration {
    let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
    first.saturating_mul(doubled).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_again_once_an_offer_is_accepted() {
        let mut tries = Tries::default();
        let mut due = tries.backoff();
        let mut next = || due.next().expect("without end").as_millis();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            tries.not_accepted("nobody is there");
            pauses.push(next());
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
        tries.broke_off();
        assert_eq!(next(), 1000);
        tries.not_accepted("nobody is there");
        assert_eq!(next(), 100);
        tries.broke_off();
        assert_eq!(next(), 2000);
        for _ in 0..1000 {
            tries.broke_off();
        }
        assert_eq!(next(), COPY_PAUSE_MAX.as_millis());
    }

    #[test]
    fn a_repeated_reason_is_reported_once() {
        let mut tries = Tries::default();
        assert!(tries.not_accepted("nobody is there"));
        assert!(!tries.not_accepted("nobody is there"));
        assert!(tries.not_accepted("no room"));
        assert!(!tries.not_accepted("no room"));
        tries.broke_off();
        assert!(tries.not_accepted("no room"));
    }

    #[test]
    fn a_large_snapshot_may_take_longer() {
        assert_eq!(travel_timeout(0), TRAVEL_TIMEOUT);
        assert_eq!(travel_timeout(100 << 20), Duration::from_secs(160));
        assert!(whole_timeout(u64::MAX) > travel_timeout(u64::MAX));
    }
}
