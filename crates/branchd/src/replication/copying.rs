//! What both sides of a whole copy of the books keep to: sizes, deadlines, and when a copy is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::network::Backoff;

/// How much of the books goes into one message, in bytes, and how many such messages wait at once.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
pub(super) const CHUNKS_QUEUED_MAX: usize = 4;

/// How many copies a leader sends at once; others wait. Each keeps some chunks in memory and one state of the books open,
/// and two use a network or a disk as fully as more would.
pub(super) const SENDINGS_MAX: usize = 2;

/// How long the answer to an offer may take, a connection included.
pub(super) const OFFER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long either side waits for the other between two chunks: longer than a disk that is slow to sync.
pub(super) const CHUNK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a copy may travel, whatever its size, and what is added for its bytes: less than 1 MiB in a second is no
/// network or disk for a bank.
const TRAVEL_TIMEOUT: Duration = Duration::from_secs(60);
const TRAVEL_BYTES_PER_SECOND: u64 = 1 << 20;

/// How long a copy of so many bytes may travel.
pub(super) fn travel_timeout(length: u64) -> Duration {
    TRAVEL_TIMEOUT.saturating_add(Duration::from_secs(length / TRAVEL_BYTES_PER_SECOND))
}

/// How long a copy may travel and be checked and installed: all of it is read and written again.
pub(super) fn whole_timeout(length: u64) -> Duration {
    travel_timeout(length).saturating_mul(2)
}

/// Pauses after an offer that was refused, or that nobody answered. An offer costs one small message, so a branch that is
/// back is found soon.
const OFFER_PAUSE: Duration = Duration::from_millis(100);
const OFFER_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Pauses after a copy that broke off: up to all of it was in vain.
const COPY_PAUSE: Duration = Duration::from_secs(1);
const COPY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// How sending one replica a copy of the books has gone so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    unaccepted: u32,
    broken: u32,
    /// The reason that was logged last.
    told: Option<String>,
    pause_ms: Arc<AtomicU64>,
}

impl Tries {
    /// An offer was not accepted. Answers whether the reason is a new one.
    pub(super) fn not_accepted(&mut self, reason: &str) -> bool {
        self.unaccepted = self.unaccepted.saturating_add(1);
        self.set_pause(pause(OFFER_PAUSE, OFFER_PAUSE_MAX, self.unaccepted));
        let new = self.told.as_deref() != Some(reason);
        if new {
            self.told = Some(reason.to_owned());
        }
        new
    }

    /// A copy was accepted, and broke off.
    pub(super) fn broke_off(&mut self) {
        self.unaccepted = 0;
        self.told = None;
        self.broken = self.broken.saturating_add(1);
        self.set_pause(pause(COPY_PAUSE, COPY_PAUSE_MAX, self.broken));
    }

    /// The pauses before the next tries, as the engine wants them: each is the one that is due when it is asked for.
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

/// The pause after the so-many-th failure in a row: it doubles each time.
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
    fn a_reason_is_told_once() {
        let mut tries = Tries::default();
        assert!(tries.not_accepted("nobody is there"));
        assert!(!tries.not_accepted("nobody is there"));
        assert!(tries.not_accepted("no room"));
        assert!(!tries.not_accepted("no room"));
        tries.broke_off();
        assert!(tries.not_accepted("no room"));
    }

    #[test]
    fn large_books_are_given_longer() {
        assert_eq!(travel_timeout(0), TRAVEL_TIMEOUT);
        assert_eq!(travel_timeout(100 << 20), Duration::from_secs(160));
        assert!(whole_timeout(u64::MAX) > travel_timeout(u64::MAX));
    }
}
