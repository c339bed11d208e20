//! Dates of runs, in UTC, as they stand in files, in names of folders and in lines of events.

use jiff::Timestamp;
use std::time::SystemTime;

/// Formats a time as `2026-11-23T03:05:12Z`.
pub fn date_and_time(time: SystemTime) -> String {
    format(time, "%Y-%m-%dT%H:%M:%SZ")
}

/// Formats the time of day: `03:05:12.047`.
pub(crate) fn time_of_day(time: SystemTime) -> String {
    format(time, "%H:%M:%S%.3f")
}

/// Formats a time for the name of a folder: `20261123-030512`.
pub(crate) fn stamp(time: SystemTime) -> String {
    format(time, "%Y%m%d-%H%M%S")
}

/// A time outside of the calendar, which ends with the year 9999, is shown as the start of 1970.
fn format(time: SystemTime, format: &str) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_as_names() {
        for (seconds, expected) in [
            (0, "19700101-000000"),
            (951_827_696, "20000229-123456"),
            (1_795_403_112, "20261123-030512"),
            (4_107_542_399, "21000228-235959"),
        ] {
            assert_eq!(stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn times_in_full() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_403_112);
        assert_eq!(date_and_time(now), "2026-11-23T03:05:12Z");
        assert_eq!(time_of_day(now + Duration::from_millis(47)), "03:05:12.047");
    }
}
