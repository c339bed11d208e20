//! Two clocks. Statements show the time of day. The host's monotonic clock tells when something was applied or heard.
//! No decision about money depends on either.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 (UTC). 0: the clock shows an earlier time.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds of the host's monotonic clock. Every process of the host reads the same clock.
pub(crate) fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or(0),
        u64::try_from(now.tv_nsec).unwrap_or(0),
    );
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
