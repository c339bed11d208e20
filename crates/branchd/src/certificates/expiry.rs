//! Says when to warn that a certificate ends soon. Pure: time is an argument.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// One day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before the end of a certificate the warnings begin. A month is enough for a PKI that is run by hand.
const WARN_AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The time that a certificate has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Whole days, at most 30.
    Days(u64),
    /// The certificate has ended.
    Nothing,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(0) => f.write_str("expires within a day"),
            Self::Days(1) => f.write_str("expires in 1 day"),
            Self::Days(days) => write!(f, "expires in {days} days"),
            Self::Nothing => f.write_str("has expired, so that no connection is made with it"),
        }
    }
}

/// Remembers the last warning.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    last: Option<(SystemTime, Instant)>,
}

impl Warnings {
    /// The warning that is due, at most one a day for one certificate. `now` is the wall clock, which ends a
    /// certificate. `at` is the monotonic clock, which spaces the warnings.
    pub(super) fn due(&mut self, not_after: SystemTime, now: SystemTime, at: Instant) -> Option<Left> {
        let left = match not_after.duration_since(now) {
            Ok(left) if left > WARN_AHEAD => return None,
            Ok(left) => Left::Days(left.as_secs() / DAY.as_secs()),
            Err(_) => Left::Nothing,
        };
        let warned = |(of, last): (SystemTime, Instant)| of == not_after && at.saturating_duration_since(last) < DAY;
        if self.last.is_some_and(warned) {
            return None;
        }
        self.last = Some((not_after, at));
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_begin_a_month_ahead_and_come_once_a_day() {
        let (mut warnings, began, at) = (Warnings::default(), SystemTime::UNIX_EPOCH, Instant::now());
        let end = began + 100 * DAY;
        // (hours since the beginning, what is told)
        for (hours, told) in [
            (0, None),
            (69 * 24, None),
            (70 * 24, Some(Left::Days(30))),
            (70 * 24 + 23, None),
            (71 * 24 + 1, Some(Left::Days(28))),
            (99 * 24 + 2, Some(Left::Days(0))),
            (100 * 24 + 3, Some(Left::Nothing)),
            (100 * 24 + 4, None),
        ] {
            let since = Duration::from_secs(hours * 60 * 60);
            assert_eq!(warnings.due(end, began + since, at + since), told, "{hours} h");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_warns_of_nothing_and_a_new_certificate_has_its_own_warnings() {
        let (mut warnings, now, at) = (Warnings::default(), SystemTime::UNIX_EPOCH + 1000 * DAY, Instant::now());
        assert_eq!(warnings.due(now + DAY, now, at), Some(Left::Days(1)));
        assert_eq!(warnings.due(now + DAY, now - 500 * DAY, at + 2 * DAY), None);
        assert_eq!(warnings.due(now + 5 * DAY, now, at), Some(Left::Days(5)));
        assert_eq!(warnings.due(now + 90 * DAY, now, at), None);
    }
}
