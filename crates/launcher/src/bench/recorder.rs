//! Records what became of the operations of one thread. One more operation costs no allocation.

use bank_client::{StreamedOutcome, WriteError, WriteOutcome};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Longest latency that the histogram tells apart from longer ones: past every deadline.
const LATENCY_MAX_US: u64 = 600_000_000;
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;
/// Length of a slice of time.
pub(super) const SLICE: Duration = Duration::from_millis(100);
/// Most slices: those of the longest repeat and of the operations that end late.
const SLICES_MAX: usize = 40_000;

/// The operations that ended in one slice of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Slice {
    pub(super) ended: u32,
    /// Longest latency among them, in microseconds.
    pub(super) longest_us: u64,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The write was applied, or the read was answered.
    Done,
    /// The bank decided against the write.
    Refused(String),
    /// There was no answer. A write was certainly not applied.
    Failed(String),
    /// There was no decision, and the write may have been applied.
    Unknown(String),
}

impl From<WriteOutcome> for Outcome {
    fn from(decided: WriteOutcome) -> Self {
        match decided {
            WriteOutcome::Accepted { .. } => Outcome::Done,
            WriteOutcome::Refused { message, .. } => Outcome::Refused(message),
        }
    }
}

impl From<StreamedOutcome> for Outcome {
    fn from(streamed: StreamedOutcome) -> Self {
        let used = || Outcome::Failed(format!("request id {} was used for another write", streamed.request_id));
        streamed.decision.map_or_else(used, Outcome::from)
    }
}

impl From<Result<WriteOutcome, WriteError>> for Outcome {
    fn from(result: Result<WriteOutcome, WriteError>) -> Self {
        match result {
            Ok(decided) => decided.into(),
            Err(error @ WriteError::NotApplied { .. }) => Outcome::Failed(error.to_string()),
            Err(error @ WriteError::Unknown { .. }) => Outcome::Unknown(error.to_string()),
        }
    }
}

/// The money that operations moved into the bank and out of it, counted in operations, each of which moves 1. Operations
/// that do not count for the result are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Money {
    /// Acknowledged deposits less acknowledged withdrawals.
    pub(super) moved: i64,
    /// Deposits whose outcome is not known.
    pub(super) doubtful_in: u64,
    /// Withdrawals whose outcome is not known.
    pub(super) doubtful_out: u64,
}

/// The way of an operation's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
    /// The sum of all balances stays.
    Within,
}

impl Money {
    /// A write is sent. Until its outcome is known, it is in doubt.
    pub(super) fn sent(&mut self, way: Way) {
        match way {
            Way::In => self.doubtful_in += 1,
            Way::Out => self.doubtful_out += 1,
            Way::Within => {}
        }
    }

    /// The outcome of a write that was sent is known.
    pub(super) fn settled(&mut self, way: Way, outcome: &Outcome) {
        if let Outcome::Unknown(_) = outcome {
            return;
        }
        let applied = i64::from(*outcome == Outcome::Done);
        match way {
            Way::In => {
                self.doubtful_in -= 1;
                self.moved += applied;
            }
            Way::Out => {
                self.doubtful_out -= 1;
                self.moved -= applied;
            }
            Way::Within => {}
        }
    }

    pub(super) fn add(&mut self, other: Money) {
        self.moved += other.moved;
        self.doubtful_in += other.doubtful_in;
        self.doubtful_out += other.doubtful_out;
    }
}

/// The operations that count, of one thread or of all.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Latencies in microseconds of the operations that the bank decided or answered.
    pub(super) latencies: Histogram<u64>,
    /// From the start of the repeat on.
    pub(super) slices: Vec<Slice>,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    /// End of the last operation.
    pub(super) last_end: Option<Instant>,
    /// What was said about the first operation that was not done.
    pub(super) first_problem: Option<String>,
    pub(super) money: Money,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Recorder {
            latencies: Histogram::new_with_bounds(1, LATENCY_MAX_US, DIGITS).expect("these bounds are valid"),
            slices: Vec::with_capacity(1024),
            refused: 0,
            failed: 0,
            unknown: 0,
            last_end: None,
            first_problem: None,
            money: Money::default(),
        }
    }

    /// Records an operation that counts. `intended` is when it was to begin, `from` the start of the repeat.
    pub(super) fn record(&mut self, from: Instant, intended: Instant, end: Instant, outcome: Outcome) {
        self.last_end = self.last_end.max(Some(end));
        let answered = matches!(outcome, Outcome::Done | Outcome::Refused(_));
        let problem = match outcome {
            Outcome::Done => None,
            Outcome::Refused(problem) => {
                self.refused += 1;
                Some(problem)
            }
            Outcome::Failed(problem) => {
                self.failed += 1;
                Some(problem)
            }
            Outcome::Unknown(problem) => {
                self.unknown += 1;
                Some(problem)
            }
        };
        if self.first_problem.is_none() {
            self.first_problem = problem;
        }
        if !answered {
            return;
        }
        let latency = end.saturating_duration_since(intended).as_micros();
        let latency_us = u64::try_from(latency).unwrap_or(u64::MAX);
        self.latencies.saturating_record(latency_us);
        let at = end.saturating_duration_since(from).as_micros() / SLICE.as_micros();
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(SLICES_MAX - 1);
        if at >= self.slices.len() {
            self.slices.resize(at + 1, Slice::default());
        }
        let slice = &mut self.slices[at];
        slice.ended = slice.ended.saturating_add(1);
        slice.longest_us = slice.longest_us.max(latency_us);
    }

    /// Takes in the operations of another thread.
    pub(super) fn add(&mut self, other: &Recorder) {
        // Both histograms have the same bounds.
        let _ = self.latencies.add(&other.latencies);
        if other.slices.len() > self.slices.len() {
            self.slices.resize(other.slices.len(), Slice::default());
        }
        for (slice, more) in self.slices.iter_mut().zip(&other.slices) {
            slice.ended = slice.ended.saturating_add(more.ended);
            slice.longest_us = slice.longest_us.max(more.longest_us);
        }
        self.refused += other.refused;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.last_end = self.last_end.max(other.last_end);
        if self.first_problem.is_none() {
            self.first_problem.clone_from(&other.first_problem);
        }
        self.money.add(other.money);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_two_threads_are_one_record() {
        let from = Instant::now();
        let at = |ms| from + Duration::from_millis(ms);
        let (mut one, mut other) = (Recorder::new(), Recorder::new());
        one.record(from, at(0), at(2), Outcome::Done);
        one.record(from, at(0), at(250), Outcome::Refused("no money".to_owned()));
        other.record(from, at(50), at(51), Outcome::Done);
        other.record(from, at(50), at(900), Outcome::Failed("lost".to_owned()));
        other.record(from, at(50), at(700), Outcome::Unknown("late".to_owned()));
        one.add(&other);
        assert_eq!(
            (one.latencies.len(), one.refused, one.failed, one.unknown),
            (3, 1, 1, 1)
        );
        let slices: Vec<(u32, u64)> = one.slices.iter().map(|slice| (slice.ended, slice.longest_us)).collect();
        assert_eq!(slices, [(2, 2_000), (0, 0), (1, 250_000)]);
        assert_eq!(one.last_end, Some(at(900)));
        assert_eq!(one.first_problem.as_deref(), Some("no money"));
    }

    #[test]
    fn money_is_in_doubt_from_the_sending_to_the_outcome() {
        let unknown = || Outcome::Unknown(String::new());
        for (way, outcome, expected) in [
            (Way::In, Outcome::Done, (1, 0, 0)),
            (Way::In, unknown(), (0, 1, 0)),
            (Way::In, Outcome::Failed(String::new()), (0, 0, 0)),
            (Way::Out, Outcome::Done, (-1, 0, 0)),
            (Way::Out, Outcome::Refused(String::new()), (0, 0, 0)),
            (Way::Out, unknown(), (0, 0, 1)),
            (Way::Within, Outcome::Done, (0, 0, 0)),
        ] {
            let mut money = Money::default();
            money.sent(way);
            money.settled(way, &outcome);
            assert_eq!(
                (money.moved, money.doubtful_in, money.doubtful_out),
                expected,
                "{way:?} {outcome:?}"
            );
        }
    }
}
