//! Clocks: the time of day, which is shown on statements, and the host's monotonic one, which tells when something was
//! applied. Neither decides anything.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 (UTC); 0 where the clock stands before that.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds of the host's monotonic clock: the same for every process of the host.
pub(crate) fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or(0),
        u64::try_from(now.tv_nsec).unwrap_or(0),
    );
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
