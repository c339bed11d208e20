//! The pause before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A branch that restarts or elects a leader needs at least this long.
const FIRST: Duration = Duration::from_millis(20);
/// An election takes a few hundred milliseconds, so a longer pause gains nothing.
const MAX: Duration = Duration::from_millis(500);

/// The pause after attempt number `attempt` (1, 2, …). It doubles each time up to 500 ms, and is shortened at random by
/// up to a half, so that customers that failed together do not retry together.
pub(crate) fn pause(attempt: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(MAX);
    // The standard library seeds each `RandomState` anew, which is random enough here.
    let random = RandomState::new().hash_one(attempt) % 1024;
    full - full.mul_f64(random as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        for (attempt, full_ms) in [
            (1, 20),
            (2, 40),
            (3, 80),
            (5, 320),
            (6, 500),
            (60, 500),
            (u32::MAX, 500),
        ] {
            let pause = pause(attempt);
            let full = Duration::from_millis(full_ms);
            assert!(
                pause <= full && pause >= full / 2,
                "attempt {attempt}: {pause:?} of {full:?}"
            );
        }
    }
}
