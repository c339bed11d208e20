//! Durations as people write them on a command line: `500ms`, `10s`, `1m`.

use std::time::Duration;

/// A branch waits no longer, and a customer's process takes no longer deadline.
const DURATION_MAX: Duration = Duration::from_secs(60);

/// A duration from 1 ms to a minute.
///
/// # Errors
/// Says how to write one.
pub fn parse(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit);
    let number: Option<u64> = digits.parse().ok();
    let duration = match (number, unit) {
        (Some(number), "ms") => Some(Duration::from_millis(number)),
        (Some(number), "s") => Some(Duration::from_secs(number)),
        (Some(number), "m") => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    };
    duration
        .filter(|duration| !duration.is_zero() && *duration <= DURATION_MAX)
        .ok_or_else(|| "write a duration from 1ms to 60s, such as 500ms or 10s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [("500ms", 500), ("10s", 10_000), ("60s", 60_000), ("1m", 60_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(expected)), "{text}");
        }
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
        }
    }
}
