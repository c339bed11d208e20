//! The deadline of a call, from its `grpc-timeout`.

use std::time::Duration;

use tokio::time::Instant;
use tonic::codegen::http::HeaderMap;
use tonic::metadata::MetadataMap;

/// The limit of a call that has no `grpc-timeout`.
const DEFAULT: Duration = Duration::from_secs(10);
/// The longest limit of any call, except a change of the members.
const MAX: Duration = Duration::from_secs(60);
/// The longest limit of a change of the bank's members. A joining branch may need a snapshot of all books.
const CHANGE_MAX: Duration = Duration::from_secs(300);
/// How much earlier than its caller's own limit a call is answered, at most. The answer says what became of the call,
/// so it must still arrive in time.
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// The time by which a call with this metadata must be answered.
pub(crate) fn of(metadata: &MetadataMap) -> Instant {
    Instant::now() + allowed(given(metadata.as_ref()), DEFAULT, MAX)
}

/// The time by which a change of the bank's members with this metadata must be answered.
pub(crate) fn of_change(metadata: &MetadataMap) -> Instant {
    Instant::now() + allowed(given(metadata.as_ref()), CHANGE_MAX, CHANGE_MAX)
}

/// The time that a caller gives its call. `None`: the call has no `grpc-timeout`.
pub(crate) fn given(headers: &HeaderMap) -> Option<Duration> {
    let given = headers.get("grpc-timeout")?.to_str().ok()?;
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

/// Reads a timeout as the gRPC protocol over HTTP/2 writes it: at most 8 digits and a unit.
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
