//! The operations of a run in a few numbers.

use bank_check::history::{Operation, Outcome};
use serde::Serialize;

/// Numbers of operations, and the waits of reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Number of operations that were begun.
    pub operations: usize,
    /// Number of writes that the bank refused.
    pub refused: usize,
    /// Number of operations without an outcome: not applied, unknown or failed.
    pub undone: usize,
    /// Waits of the reads for which a branch had to catch up first.
    pub waits: Waits,
}

/// Waits of reads at their branches, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// Number of reads that waited.
    pub count: usize,
    /// Median of the waits.
    pub p50_us: u64,
    /// 99th percentile of the waits.
    pub p99_us: u64,
}

impl Tally {
    /// Counts operations.
    pub fn of(operations: &[Operation]) -> Self {
        let count = |is: fn(&Outcome) -> bool| operations.iter().filter(|one| is(&one.outcome)).count();
        let mut waited: Vec<u64> = operations.iter().map(Operation::wait_us).filter(|us| *us > 0).collect();
        waited.sort_unstable();
        Tally {
            operations: operations.len(),
            refused: count(|outcome| matches!(outcome, Outcome::Refused(_))),
            undone: count(|outcome| matches!(outcome, Outcome::NotApplied | Outcome::Unknown | Outcome::Failed)),
            waits: Waits {
                count: waited.len(),
                p50_us: percentile(&waited, 50),
                p99_us: percentile(&waited, 99),
            },
        }
    }
}

/// The percentile by the nearest-rank method. 0 of an empty list.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (sorted, percent, expected) in [
            (&[][..], 50, 0),
            (&[7], 99, 7),
            (&[1, 9], 50, 1),
            (&[1, 9], 99, 9),
            (&hundred, 50, 50),
            (&hundred, 99, 99),
        ] {
            assert_eq!(percentile(sorted, percent), expected);
        }
    }
}
