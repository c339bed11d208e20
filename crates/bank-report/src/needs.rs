//! What each operation had to see: the last position that its session had written, the highest that it had read, and
//! the newest that anybody had been told of before it began.

use std::collections::HashMap;

use bank_check::history::{Action, Operation};

use crate::words;

/// What came before an operation and bears on it. Operations are named by their place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Need {
    /// The write of its own session with the highest position.
    pub(crate) own_write: Option<usize>,
    /// The read of its own session with the highest position.
    pub(crate) own_read: Option<usize>,
    /// The operation of any session, completed before this one began, with the highest position.
    pub(crate) newest: Option<usize>,
}

/// What bears on each operation, in the order of `operations`.
pub(crate) fn of(operations: &[&Operation]) -> Vec<Need> {
    let mut needs = vec![Need::default(); operations.len()];
    in_sessions(operations, &mut needs);
    in_time(operations, &mut needs);
    needs
}

/// Whether a read was answered from before what its own session had written or read.
pub(crate) fn is_any_behind(operations: &[&Operation]) -> bool {
    let needs = of(operations);
    operations.iter().zip(&needs).any(|(operation, need)| {
        let seen = [need.own_write, need.own_read].into_iter().flatten();
        let needed = seen.filter_map(|index| operations[index].position).max();
        !words::is_write(&operation.action) && operation.position.is_some() && operation.position < needed
    })
}

/// Sessions: each in its own order.
fn in_sessions(operations: &[&Operation], needs: &mut [Need]) {
    let mut order: Vec<usize> = (0..operations.len()).collect();
    order.sort_by_key(|&index| operations[index].sequence);
    let mut seen: HashMap<&str, Need> = HashMap::new();
    for index in order {
        let operation = operations[index];
        let session = seen.entry(&operation.session).or_default();
        needs[index] = *session;
        let highest = match operation.action {
            Action::Query { .. } => &mut session.own_read,
            _ => &mut session.own_write,
        };
        raise(highest, index, operations);
    }
}

/// Everyone: what was completed before an operation was begun.
fn in_time(operations: &[&Operation], needs: &mut [Need]) {
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
        needs[index].newest = newest;
    }
}

/// Keeps the operation with the higher position.
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
    use crate::words::tests::operation;

    /// (session, sequence, write, begun, completed, position)
    type Row = (&'static str, u64, bool, u64, u64, Option<u64>);

    fn needs(rows: &[Row]) -> Vec<(Option<usize>, Option<usize>, Option<usize>)> {
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
            .map(|need| (need.own_write, need.own_read, need.newest))
            .collect()
    }

    #[test]
    fn a_session_needs_what_it_wrote_and_read_before() {
        let needs = needs(&[
            ("a", 1, true, 0, 1, Some(7)),
            ("a", 2, false, 2, 3, Some(6)),
            ("a", 3, true, 4, 5, None),
            ("a", 4, false, 6, 7, Some(7)),
        ]);
        assert_eq!(needs[0], (None, None, None));
        assert_eq!(needs[1], (Some(0), None, Some(0)));
        assert_eq!(needs[3], (Some(0), Some(1), Some(0)));
    }

    #[test]
    fn another_session_binds_only_by_time() {
        let needs = needs(&[
            ("a", 1, true, 0, 10, Some(7)),
            ("b", 1, false, 5, 8, Some(3)),
            ("b", 2, false, 11, 12, Some(7)),
        ]);
        assert_eq!(needs[1], (None, None, None), "the write was not yet acknowledged");
        assert_eq!(needs[2], (None, Some(1), Some(0)));
    }
}
