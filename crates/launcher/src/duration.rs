//! Durations as people write them on a command line: `500ms`, `10s`, `2m`.

use std::time::Duration;

/// Longer deadlines help nobody: a branch waits at most a minute.
const DURATION_MAX: Duration = Duration::from_secs(3600);

/// A duration from 1 ms to an hour.
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
        .ok_or_else(|| "write a duration from 1ms to 60m, such as 500ms, 10s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("60m", 3_600_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in [
            "",
            "10",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "61m",
            "1h",
            "99999999999999999999s",
            "10 s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
