//! The operations of a run in a few numbers.

use bank_check::history::{Operation, Outcome};
use bank_report::percentile;
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
