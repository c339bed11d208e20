//! Values that people type: amounts, account names, request ids, durations. Each error says what a right value looks
//! like.

use std::time::Duration;

use bank_types::{AccountName, Amount, RequestId, parse_duration_or_seconds};
use thiserror::Error;
use uuid::Uuid;

/// An error in a typed value. The text says what is wrong and what a right value looks like.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InputError(pub String);

/// Longest timeout, because a branch waits no longer.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Longest time of a watch that ends by itself.
const LASTING_MAX: Duration = Duration::from_secs(24 * 3600);

/// An amount in minor units, 1 to 9223372036854775807, in digits and nothing else.
///
/// # Errors
/// The text is anything else.
pub fn amount(text: &str) -> Result<Amount, InputError> {
    let wrong = |what: &str| {
        let range = "give a whole number of minor units from 1 to 9223372036854775807, digits only";
        InputError(format!("{} is not an amount: {what}; {range}", shown(text)))
    };
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    if magnitude.is_empty() || !magnitude.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong("it is not a number in digits"));
    }
    if magnitude.len() < text.len() || magnitude.bytes().all(|b| b == b'0') {
        return Err(wrong("it is not positive"));
    }
    let number = text.parse().map_err(|_| wrong("it is too large"))?;
    Amount::new(number).map_err(|_| wrong("it is not positive"))
}

/// An account name: 1 to 64 of `a-z A-Z 0-9 . _ -`, beginning with a letter or a digit.
///
/// # Errors
/// The text is anything else.
pub fn account(text: &str) -> Result<AccountName, InputError> {
    AccountName::new(text).map_err(|_| {
        let rule = "give 1 to 64 of a-z A-Z 0-9 . _ - that begin with a letter or a digit";
        InputError(format!("{} is not an account name: {rule}", shown(text)))
    })
}

/// A request id: a UUID other than the nil UUID.
///
/// # Errors
/// The text is anything else.
pub fn request_id(text: &str) -> Result<RequestId, InputError> {
    let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
    let id = id.ok_or_else(|| InputError(format!("{} is not a request id: give a UUID", shown(text))))?;
    Ok(id.into())
}

/// The id of an import: a UUID other than the nil UUID.
///
/// # Errors
/// The text is anything else.
pub fn import_id(text: &str) -> Result<Uuid, InputError> {
    let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
    id.ok_or_else(|| {
        InputError(format!(
            "--import-id: {} is not the id of an import: give a UUID",
            shown(text)
        ))
    })
}

/// A timeout from 1 ms to 60 s: digits and `ms`, `s` or `m`. Without a unit, seconds.
///
/// # Errors
/// The text is anything else.
pub fn timeout(text: &str) -> Result<Duration, InputError> {
    duration(text, TIMEOUT_MAX).ok_or_else(|| {
        InputError(format!(
            "{} is not a timeout: give 1ms to 60s, such as 500ms or 5s",
            shown(text)
        ))
    })
}

/// The time of a watch, from 1 ms to 24 h: digits and `ms`, `s`, `m` or `h`. Without a unit, seconds.
///
/// # Errors
/// The text is anything else.
pub fn lasting(text: &str) -> Result<Duration, InputError> {
    duration(text, LASTING_MAX).ok_or_else(|| {
        InputError(format!(
            "--for: {} is not a duration: give 1ms to 24h, such as 30s or 10m",
            shown(text)
        ))
    })
}

fn duration(text: &str, max: Duration) -> Option<Duration> {
    parse_duration_or_seconds(text).filter(|duration| !duration.is_zero() && *duration <= max)
}

/// A text as a terminal may show it: quoted, control characters escaped, not too long.
pub fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_digits_and_positive_and_fit() {
        for (text, expected) in [("1", 1), ("400", 400), ("0007", 7), ("9223372036854775807", i64::MAX)] {
            assert_eq!(amount(text).map(Amount::get), Ok(expected));
        }
        let nines = "9".repeat(400);
        let table = [
            (
                "not positive",
                &["0", "-1", "-0", "-5", "00", "-9223372036854775808"][..],
            ),
            (
                "not a number",
                &[
                    "", "-", "1.0", "1e3", "NaN", "Infinity", "-inf", "\"5\"", "+5", "1_000", "１", " 5", "5 ",
                ],
            ),
            ("too large", &["9223372036854775808", "18446744073709551616", &nines]),
        ];
        for (what, texts) in table {
            for text in texts {
                let error = amount(text).expect_err(text).to_string();
                assert!(error.contains(what) && error.len() < 250, "{text}: {error}");
            }
        }
    }

    #[test]
    fn account_names_are_plain() {
        let longest = "a".repeat(64);
        for good in ["main", "a", "0", "A.b_c-d", &longest] {
            assert_eq!(account(good).as_ref().map(AccountName::as_str), Ok(good));
        }
        let too_long = "a".repeat(65);
        let huge = "a".repeat(10_000);
        for bad in [
            "",
            "-a",
            ".a",
            "_a",
            "a b",
            "a\0",
            "a\u{1b}[2J",
            "a\u{202e}b",
            "ä",
            &too_long,
            &huge,
        ] {
            let error = account(bad).expect_err(bad).to_string();
            assert!(
                error.len() < 300 && !error.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{error:?}"
            );
        }
    }

    #[test]
    fn timeouts_are_seconds_without_a_unit_and_have_a_bound() {
        for (text, ms) in [
            ("1ms", 1),
            ("500ms", 500),
            ("5s", 5_000),
            ("5", 5_000),
            ("60s", 60_000),
            ("1m", 60_000),
        ] {
            assert_eq!(timeout(text), Ok(Duration::from_millis(ms)));
        }
        for bad in [
            "",
            "0",
            "61",
            "0s",
            "0ms",
            "61s",
            "2m",
            "-1s",
            "1.5s",
            "1h",
            "s",
            "5 s",
            "99999999999999999999s",
        ] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
        assert_eq!(lasting("24h"), Ok(LASTING_MAX));
        assert_eq!(lasting("90"), Ok(Duration::from_secs(90)));
        assert_eq!(lasting("90m"), Ok(Duration::from_secs(5_400)));
        assert!(lasting("25h").is_err() && lasting("0h").is_err() && lasting("1d").is_err());
    }
}
