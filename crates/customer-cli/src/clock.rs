//! The clock of the times in records. It decides nothing.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the host's monotonic clock. Every process of the host has the same clock, so that the records of
/// customers and branches can be put in one order.
pub(crate) fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or(0),
        u64::try_from(now.tv_nsec).unwrap_or(0),
    );
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
