//! Possible sums of writes when it is not known which of the writes were applied. A small set is exact. A large set
//! keeps only its lowest and highest sum and the common step between sums.

use std::collections::BTreeSet;

/// Largest number of sums that are kept exactly. It bounds the judge's memory and time.
const EXACT_MAX: usize = 1024;
/// Largest number of pairs for which two exact sets are added pair by pair. It bounds the time of one addition.
const PAIRS_MAX: usize = 64 * 1024;

/// A set of sums. It contains every possible sum and perhaps some impossible ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sums {
    /// Exactly these sums.
    Exact(BTreeSet<i128>),
    /// `low`, `low + step`, …, `high`. With a step of 0, only `low`.
    Span { low: i128, high: i128, step: i128 },
}

impl Sums {
    /// The set {0}: no write.
    pub(crate) fn zero() -> Self {
        Sums::Exact(BTreeSet::from([0]))
    }

    /// True if `sum` may be in the set.
    pub(crate) fn contains(&self, sum: i128) -> bool {
        match *self {
            Sums::Exact(ref set) => set.contains(&sum),
            Sums::Span { low, step: 0, .. } => sum == low,
            Sums::Span { low, high, step } => (low..=high).contains(&sum) && (sum - low) % step == 0,
        }
    }

    pub(crate) fn low(&self) -> i128 {
        match self {
            Sums::Exact(set) => set.first().copied().unwrap_or(0),
            Sums::Span { low, .. } => *low,
        }
    }

    pub(crate) fn high(&self) -> i128 {
        match self {
            Sums::Exact(set) => set.last().copied().unwrap_or(0),
            Sums::Span { high, .. } => *high,
        }
    }

    /// The set with `change` added to every sum.
    pub(crate) fn shifted(&self, change: i128) -> Self {
        match *self {
            Sums::Exact(ref set) => Sums::Exact(set.iter().map(|sum| sum + change).collect()),
            Sums::Span { low, high, step } => Sums::Span {
                low: low + change,
                high: high + change,
                step,
            },
        }
    }

    /// Sums that are in either set.
    pub(crate) fn union(&self, other: &Self) -> Self {
        if let (Sums::Exact(a), Sums::Exact(b)) = (self, other) {
            return Sums::Exact(a.union(b).copied().collect()).bounded();
        }
        let (low, high) = (self.low().min(other.low()), self.high().max(other.high()));
        let step = gcd(gcd(self.step(), other.step()), (self.low() - other.low()).abs());
        Sums::Span { low, high, step }
    }

    /// Sums of one element from each set.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        if let (Sums::Exact(a), Sums::Exact(b)) = (self, other)
            && a.len() * b.len() <= PAIRS_MAX
        {
            return Sums::Exact(a.iter().flat_map(|x| b.iter().map(move |y| x + y)).collect()).bounded();
        }
        let (low, high) = (self.low() + other.low(), self.high() + other.high());
        Sums::Span {
            low,
            high,
            step: gcd(self.step(), other.step()),
        }
    }

    /// True if `sum` may be the sum of one element from each set.
    pub(crate) fn plus_contains(&self, other: &Self, sum: i128) -> bool {
        match (self, other) {
            (Sums::Exact(set), _) => set.iter().any(|part| other.contains(sum - part)),
            (_, Sums::Exact(set)) => set.iter().any(|part| self.contains(sum - part)),
            _ => self.plus(other).contains(sum),
        }
    }

    /// The set after a write that may or may not have been applied.
    pub(crate) fn with_uncertain(&self, change: i128) -> Self {
        self.union(&self.shifted(change))
    }

    fn step(&self) -> i128 {
        match self {
            Sums::Exact(set) => set.iter().fold(0, |step, sum| gcd(step, sum - self.low())),
            Sums::Span { step, .. } => *step,
        }
    }

    fn bounded(self) -> Self {
        match &self {
            Sums::Exact(set) if set.len() > EXACT_MAX => Sums::Span {
                low: self.low(),
                high: self.high(),
                step: self.step(),
            },
            _ => self,
        }
    }
}

/// Greatest common divisor. `gcd(n, 0)` is `n`.
fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sums_are_exact() {
        let sums = Sums::zero().with_uncertain(10).with_uncertain(25);
        let held: Vec<i128> = (-5..50).filter(|&sum| sums.contains(sum)).collect();
        assert_eq!(held, [0, 10, 25, 35]);
    }

    #[test]
    fn many_sums_keep_bounds_and_step() {
        let sums = (0..2_000).fold(Sums::zero(), |sums, _| sums.with_uncertain(10));
        assert_eq!(
            sums,
            Sums::Span {
                low: 0,
                high: 20_000,
                step: 10
            }
        );
        assert!(sums.contains(7_770) && !sums.contains(7) && !sums.contains(20_010) && !sums.contains(-10));
    }

    #[test]
    fn sums_add_up() {
        let (a, b) = (Sums::zero().with_uncertain(3), Sums::zero().with_uncertain(-5));
        let held: Vec<i128> = (-9..9).filter(|&sum| a.plus(&b).contains(sum)).collect();
        assert_eq!(held, [-5, -2, 0, 3]);
    }
}
