//! Durations as people write them.

use std::time::Duration;

/// Reads a duration in whole numbers with a unit: `500ms`, `10s`, `5m` or `1h`. Callers check their own bounds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let ms = digits.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    Some(Duration::from_millis(ms))
}

/// Reads a duration that may be long: as [`parse_duration`] does, or in days, such as `30d`.
pub fn parse_long_duration(text: &str) -> Option<Duration> {
    let Some(days) = text.strip_suffix('d') else {
        return parse_duration(text);
    };
    let hours = days.parse::<u64>().ok()?.checked_mul(24)?;
    parse_duration(&format!("{hours}h")).filter(|_| days.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads a duration of a command line: as [`parse_duration`] does, or a bare number, which stands for seconds.
pub fn parse_duration_or_seconds(text: &str) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return parse_duration(&format!("{text}s"));
    }
    parse_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [
            ("0s", 0),
            ("500ms", 500),
            ("2s", 2_000),
            ("1m", 60_000),
            ("24h", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "5 s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_duration_may_be_in_days() {
        for (text, seconds) in [
            ("30d", Some(30 * 86_400)),
            ("0d", Some(0)),
            ("36h", Some(129_600)),
            ("5m", Some(300)),
            ("", None),
            ("d", None),
            ("+1d", None),
            ("-1d", None),
            ("1.5d", None),
            ("1 d", None),
            ("30", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(parse_long_duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn on_a_command_line_a_bare_number_is_seconds() {
        for (text, ms) in [
            ("5", Some(5_000)),
            ("5ms", Some(5)),
            ("0", Some(0)),
            ("", None),
            ("5x", None),
            ("-5", None),
        ] {
            assert_eq!(parse_duration_or_seconds(text), ms.map(Duration::from_millis), "{text}");
        }
        assert_eq!(parse_duration_or_seconds("99999999999999999999"), None);
    }
}
