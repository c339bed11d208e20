//! The host's monotonic clock. The launcher, the customers and the branches record times by it.

use rustix::time::{ClockId, clock_gettime};

/// The current time of the host's monotonic clock, in microseconds.
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or(0),
        u64::try_from(now.tv_nsec).unwrap_or(0),
    );
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
