//! The host's monotonic clock, by which the launcher, customers and branches record.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the host's monotonic clock.
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or(0),
        u64::try_from(now.tv_nsec).unwrap_or(0),
    );
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
