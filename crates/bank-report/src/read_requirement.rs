//! The earlier operations that determine how recent a state each operation requirements.

use std::collections::HashMap;

use bank_check::history::Operation;

/// Earlier operations that determine how recent a state an operation requirements. Each is an index in the list of
/// operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReadRequirement {
    /// Earlier write of the same session with the highest position.
    pub(crate) own_write: Option<usize>,
    /// Earlier read of the same session with the highest position.
    pub(crate) own_read: Option<usize>,
    /// Operation of any session with the highest position that completed before this operation began.
    pub(crate) newest: Option<usize>,
}

/// Requirement of each operation, in the order of `operations`.
pub(crate) fn of(operations: &[&Operation]) -> Vec<ReadRequirement> {
    let mut requirements = vec![ReadRequirement::default(); operations.len()];
    in_sessions(operations, &mut requirements);
    in_time(operations, &mut requirements);
    requirements
}

/// True if any read saw an older state than its session had written or read before.
pub(crate) fn is_any_behind(operations: &[&Operation]) -> bool {
    let requirements = of(operations);
    operations.iter().zip(&requirements).any(|(operation, requirement)| {
        let seen = [requirement.own_write, requirement.own_read].into_iter().flatten();
        let needed = seen.filter_map(|index| operations[index].position).max();
        operation.is_read() && operation.position.is_some() && operation.position < needed
    })
}

/// Fills in `own_write` and `own_read`: walks through each session in its order.
fn in_sessions(operations: &[&Operation], requirements: &mut [ReadRequirement]) {
    let mut order: Vec<usize> = (0..operations.len()).collect();
    order.sort_by_key(|&index| operations[index].sequence);
    let mut seen: HashMap<&str, ReadRequirement> = HashMap::new();
    for index in order {
        let operation = operations[index];
        let session = seen.entry(&operation.session).or_default();
        requirements[index] = *session;
        let highest = if operation.is_read() {
            &mut session.own_read
        } else {
            &mut session.own_write
        };
        raise(highest, index, operations);
    }
}

/// Fills in `newest`: walks through all operations by time.
fn in_time(operations: &[&Operation], requirements: &mut [ReadRequirement]) {
    let mut begun: Vec<usize> = (0..operations.len()).collect();
    begun.sort_by_key(|&index| operations[index].invoked_us);
    let mut completed: Vec<usize> = (0..operations.len()).collect();
    completed.sort_by_key(|&index| operations[index].completed_us);
    let mut completed = completed.into_iter().peekable();
    let mut newest = None;
    for index in begun {
        let before = |other: &usize| operations[*other].completed_us < operations[index].invoked_us;
        while let Some(other) = completed.next_if(before) {
            raise(&mut newest, other, operations);
        }
        requirements[index].newest = newest;
    }
}

/// Replaces the operation in `highest` if the new one has a higher position.
fn raise(highest: &mut Option<usize>, index: usize, operations: &[&Operation]) {
    let Some(position) = operations[index].position else {
        return;
    };
    let old = highest.and_then(|old| operations[old].position);
    if old.is_none_or(|old| old < position) {
        *highest = Some(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::tests::operation;
    use bank_check::history::Action;

    /// Session, sequence, whether it is a write, begin, end, position.
    type Row = (&'static str, u64, bool, u64, u64, Option<u64>);

    fn requirements(rows: &[Row]) -> Vec<(Option<usize>, Option<usize>, Option<usize>)> {
        let made: Vec<Operation> = rows
            .iter()
            .map(|&(session, sequence, write, invoked_us, completed_us, position)| {
                let mut made = operation(session, sequence);
                if write {
                    made.action = Action::Deposit {
                        account: "main".into(),
                        amount: 1,
                    };
                }
                Operation {
                    invoked_us,
                    completed_us,
                    position,
                    ..made
                }
            })
            .collect();
        let made: Vec<&Operation> = made.iter().collect();
        of(&made)
            .into_iter()
            .map(|requirement| (requirement.own_write, requirement.own_read, requirement.newest))
            .collect()
    }

    #[test]
    fn a_session_requires_what_it_wrote_and_read_before() {
        let requirements = requirements(&[
            ("a", 1, true, 0, 1, Some(7)),
            ("a", 2, false, 2, 3, Some(6)),
            ("a", 3, true, 4, 5, None),
            ("a", 4, false, 6, 7, Some(7)),
        ]);
        assert_eq!(requirements[0], (None, None, None));
        assert_eq!(requirements[1], (Some(0), None, Some(0)));
        assert_eq!(requirements[3], (Some(0), Some(1), Some(0)));
    }

    #[test]
    fn another_session_counts_only_by_time() {
        let requirements = requirements(&[
            ("a", 1, true, 0, 10, Some(7)),
            ("b", 1, false, 5, 8, Some(3)),
            ("b", 2, false, 11, 12, Some(7)),
        ]);
        assert_eq!(
            requirements[1],
            (None, None, None),
            "the write was not yet acknowledged"
        );
        assert_eq!(requirements[2], (None, Some(1), Some(0)));
    }
}
