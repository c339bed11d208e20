//! What the operating system tells of processes: processor time, memory, and bytes written. It is read from `/proc`, so
//! that it is `None` where that does not exist.

use std::fs;

/// One look at a process. A field is `None` if the operating system does not tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// Processor time since the start of the process, all threads together, in microseconds.
    pub(super) cpu_us: Option<u64>,
    /// Bytes that the process has caused to be written to a disk.
    pub(super) written_bytes: Option<u64>,
    /// Resident memory in bytes.
    pub(super) resident_bytes: Option<u64>,
}

impl Usage {
    /// Looks at a process.
    pub(super) fn of(pid: u32) -> Self {
        let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        let resident_kib = read("status").and_then(|status| field(&status, "VmRSS:"));
        Usage {
            cpu_us: read("stat").and_then(|stat| cpu_us(&stat, rustix::param::clock_ticks_per_second())),
            written_bytes: read("io").and_then(|io| field(&io, "write_bytes:")),
            resident_bytes: resident_kib.and_then(|kib| kib.checked_mul(1024)),
        }
    }

    /// Looks at this process.
    pub(super) fn of_this_process() -> Self {
        Self::of(std::process::id())
    }
}

/// User and system time in a text of `/proc/PID/stat` (proc_pid_stat(5)), in microseconds.
fn cpu_us(stat: &str, ticks_per_second: u64) -> Option<u64> {
    // The name of the program stands in parentheses and may have spaces. After it, utime is the 12th field.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let ticks = times
        .next()?
        .parse::<u64>()
        .ok()?
        .checked_add(times.next()?.parse().ok()?)?;
    ticks.checked_mul(1_000_000)?.checked_div(ticks_per_second)
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_user_and_system_time() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 4 0 100 1 2\n";
        assert_eq!(cpu_us(stat, 100), Some(3_000_000));
        for bad in ["", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 4194560 9 0 0 0 x 50"] {
            assert_eq!(cpu_us(bad, 100), None, "{bad}");
        }
    }

    #[test]
    fn a_field_stands_at_the_beginning_of_its_line() {
        let io = "rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n";
        assert_eq!(field(io, "write_bytes:"), Some(4096));
        assert_eq!(field("VmRSS:\t   12288 kB\n", "VmRSS:"), Some(12_288));
        assert_eq!(field(io, "VmRSS:"), None);
    }
}
