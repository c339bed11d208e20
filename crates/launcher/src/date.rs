//! The date of a run, as its files and its folder have it.

use std::time::SystemTime;

/// `2026-11-23T03:05:12Z`
pub fn date_and_time(now: SystemTime) -> String {
    let Parts { date, time } = parts(now);
    let ((year, month, day), (hour, minute, second)) = (date, time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `20261123-030512`
pub(crate) fn stamp(now: SystemTime) -> String {
    let Parts { date, time } = parts(now);
    let ((year, month, day), (hour, minute, second)) = (date, time);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// In UTC.
struct Parts {
    date: (u64, u64, u64),
    time: (u64, u64, u64),
}

fn parts(now: SystemTime) -> Parts {
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    Parts {
        date: date(days),
        time: (second / 3600, second / 60 % 60, second % 60),
    }
}

/// The date of a day counted from 1970-01-01, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`. Years there begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
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
    }
}
