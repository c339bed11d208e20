//! How long a call may take.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// For a call that names no limit.
const DEFAULT: Duration = Duration::from_secs(10);
/// For any call.
const MAX: Duration = Duration::from_secs(60);
/// For a change of the bank's members: all of the books may have to travel.
const CHANGE_MAX: Duration = Duration::from_secs(300);
/// How much earlier than the caller's own limit a call is answered, so that the answer, which says what became of it,
/// still arrives.
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// When a call with this metadata must be answered.
pub(crate) fn of(metadata: &MetadataMap) -> Instant {
    Instant::now() + allowed(given(metadata), DEFAULT, MAX)
}

/// When a call with this metadata that changes the bank's members must be answered.
pub(crate) fn of_change(metadata: &MetadataMap) -> Instant {
    Instant::now() + allowed(given(metadata), CHANGE_MAX, CHANGE_MAX)
}

fn given(metadata: &MetadataMap) -> Option<Duration> {
    let given = metadata.get("grpc-timeout")?.to_str().ok()?;
    parse(given)
}

fn allowed(given: Option<Duration>, default: Duration, max: Duration) -> Duration {
    match given {
        None => default,
        Some(given) => {
            let limit = given.min(max);
            limit - (limit / 10).min(MARGIN_MAX)
        }
    }
}

/// Reads `TimeoutValue TimeoutUnit` of the gRPC protocol over HTTP/2: at most 8 digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read() {
        for (text, expected) in [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("100000000S", None),
            ("1é", None),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_call_is_answered_before_its_caller_gives_up() {
        let allowed = |given| allowed(given, DEFAULT, MAX);
        assert_eq!(allowed(None), DEFAULT);
        assert_eq!(allowed(Some(Duration::from_secs(1))), Duration::from_millis(950));
        assert_eq!(allowed(Some(Duration::from_millis(100))), Duration::from_millis(90));
        assert_eq!(allowed(Some(Duration::MAX)), MAX - MARGIN_MAX);
    }
}
