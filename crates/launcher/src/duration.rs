//! Durations of at most a minute on command lines and in inputs: `500ms`, `10s`, `1m`.

use bank_types::{parse_duration, parse_duration_or_seconds};
use std::time::Duration;

/// Longest duration. Branches and `customer-cli` accept no longer deadline.
const DURATION_MAX: Duration = Duration::from_secs(60);

/// Reads a duration from 1 ms to a minute.
///
/// # Errors
/// The text is something else. The error says what to write.
pub fn parse(text: &str) -> Result<Duration, String> {
    let duration = read(text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "write a duration from 1ms to 60s, such as 500ms or 10s".to_owned())
}

/// Reads a duration from 1 ms to a minute from a flag, where a number without a unit is in seconds.
///
/// # Errors
/// The text is something else. The error says what to write.
pub fn parse_flag(text: &str) -> Result<Duration, String> {
    let duration = parse_duration_or_seconds(text).filter(|duration| !duration.is_zero() && *duration <= DURATION_MAX);
    duration.ok_or_else(|| "write a duration from 1ms to 60s, such as 500ms or 10s".to_owned())
}

/// Reads the time from one moment to another, from 0 ms to a minute.
///
/// # Errors
/// The text is something else. The error says what to write.
pub fn parse_moment(text: &str) -> Result<Duration, String> {
    read(text).ok_or_else(|| "write a duration from 0ms to 60s, such as 500ms or 10s".to_owned())
}

fn read(text: &str) -> Option<Duration> {
    parse_duration(text).filter(|duration| *duration <= DURATION_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [("500ms", 500), ("10s", 10_000), ("60s", 60_000), ("1m", 60_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        assert_eq!(parse_flag("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_flag("500ms"), parse("500ms"));
        assert!(parse_flag("61").is_err() && parse_flag("0").is_err() && parse_flag("x").is_err());
        assert_eq!(parse_moment("0s"), Ok(Duration::ZERO));
        for text in [
            "",
            "10",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "61s",
            "2m",
            "1h",
            "99999999999999999999s",
            "10 s",
        ] {
            assert!(parse(text).is_err(), "{text}");
            assert!(parse_moment(text).is_err() || text == "0s", "{text}");
        }
    }
}
