//! Latency of operations, grouped by action and level.

use std::collections::BTreeMap;

use bank_check::history::{Action, Operation};

use crate::describe;

/// Latencies of one group of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Latency {
    /// Name of the action, such as `query`.
    pub(crate) kind: &'static str,
    /// Level of a read, or propagation of a write.
    pub(crate) level: &'static str,
    /// Number of answered operations.
    pub(crate) count: usize,
    /// Number of operations without an answer.
    pub(crate) unanswered: usize,
    /// Number of answered operations that waited at a branch.
    pub(crate) waited: usize,
    /// Median latency of the answered operations, in microseconds.
    pub(crate) p50_us: u64,
    /// 99th percentile of the latency, in microseconds.
    pub(crate) p99_us: u64,
    /// Longest latency, in microseconds.
    pub(crate) max_us: u64,
}

/// One row for each action and level that occurs, reads first.
pub(crate) fn of(operations: &[&Operation]) -> Vec<Latency> {
    let mut groups: BTreeMap<(u8, u8), Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        let level = if operation.is_read() {
            operation.level as u8
        } else {
            operation.propagation as u8
        };
        groups
            .entry((rank(&operation.action), level))
            .or_default()
            .push(operation);
    }
    groups.into_values().filter_map(|group| row(&group)).collect()
}

/// Order of the rows.
fn rank(action: &Action) -> u8 {
    match action {
        Action::Query { .. } => 0,
        Action::Deposit { .. } => 1,
        Action::Withdraw { .. } => 2,
        Action::Transfer { .. } => 3,
        Action::Open { .. } => 4,
    }
}

fn row(group: &[&Operation]) -> Option<Latency> {
    let first = group.first()?;
    let answered = group
        .iter()
        .filter(|operation| describe::was_answered(operation.outcome));
    let mut took_us: Vec<u64> = answered
        .clone()
        .map(|operation| operation.completed_us.saturating_sub(operation.invoked_us))
        .collect();
    took_us.sort_unstable();
    Some(Latency {
        kind: first.action.kind(),
        level: describe::level_or_propagation(first),
        count: took_us.len(),
        unanswered: group.len() - took_us.len(),
        waited: answered.filter(|operation| operation.wait_us() > 0).count(),
        p50_us: percentile(&took_us, 50),
        p99_us: percentile(&took_us, 99),
        max_us: took_us.last().copied().unwrap_or(0),
    })
}

/// Percentile by nearest rank: the smallest value that `percent` in a hundred values do not exceed. 0 for an empty
/// list.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use bank_check::history::{Level, Outcome};

    use super::*;
    use crate::describe::tests::operation;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        let table = [
            (&[][..], 0, 0),
            (&[7][..], 7, 7),
            (&[1, 9][..], 1, 9),
            (&[1, 2, 9][..], 2, 9),
            (&hundred[..], 50, 99),
        ];
        for (sorted, p50, p99) in table {
            assert_eq!(
                (percentile(sorted, 50), percentile(sorted, 99)),
                (p50, p99),
                "{sorted:?}"
            );
        }
    }

    #[test]
    fn levels_are_apart_and_unanswered_operations_are_only_counted() {
        let mut made: Vec<Operation> = (0..10).map(|sequence| operation("a", sequence)).collect();
        for (index, operation) in made.iter_mut().enumerate() {
            operation.completed_us = operation.invoked_us + 10 * (index as u64 + 1);
            if index >= 7 {
                operation.level = Level::Eventual;
            }
        }
        made[6].outcome = Outcome::Failed;
        made[0].waited_us = 400;
        made[1].waited_us = 4;
        let made: Vec<&Operation> = made.iter().collect();
        let rows = of(&made);
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[0].level, rows[0].count, rows[0].p50_us, rows[0].max_us),
            ("eventual", 3, 90, 100)
        );
        assert_eq!(
            (rows[1].level, rows[1].count, rows[1].unanswered, rows[1].waited),
            ("session", 6, 1, 1)
        );
        assert_eq!((rows[1].p50_us, rows[1].p99_us, rows[1].max_us), (30, 60, 60));
    }
}
