//! What the loads of the examples share: the durations of operations, and the processor time of processes.

use std::time::Duration;

/// A tick of processor time in `/proc/PID/stat`, in microseconds. Linux reports 100 ticks a second to every program.
const TICK_US: u64 = 10_000;

/// The processor time that the processes have used so far, in microseconds, in steps of 10 ms. `None` if there is no
/// `/proc`, or if a process has ended.
pub(crate) fn processor_us(processes: impl IntoIterator<Item = u32>) -> Option<u64> {
    let ticks = processes.into_iter().map(|process| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The second field is the program's name in parentheses, and may have spaces. User and system time are the
        // 12th and 13th field after it.
        let (_, fields) = stat.rsplit_once(')')?;
        let times: Option<Vec<u64>> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|time| time.parse().ok())
            .collect();
        Some(times?.iter().sum::<u64>() * TICK_US)
    });
    ticks.sum()
}

/// The nearest-rank percentile of sorted durations, in microseconds. 0 without a duration.
pub(crate) fn percentile_us(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6
}
