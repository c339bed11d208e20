use super::*;
use crate::verdict::Outcome;

/// "r5" read at 5, "w6" wrote at 6, "w?" was not acknowledged.
fn session(customer: u64, operations: &str) -> Session {
    let operation = |word: &str| Operation {
        name: format!("{word}!"),
        kind: if word.starts_with('r') { Kind::Read } else { Kind::Write },
        position: word[1..].parse().ok(),
    };
    Session {
        customer,
        operations: operations.split_whitespace().map(operation).collect(),
    }
}

fn judged(operations: &str) -> [(Outcome, usize); 4] {
    let verdicts = judge(&[session(1, operations)]);
    [0, 1, 2, 3].map(|guarantee| (verdicts[guarantee].outcome(), verdicts[guarantee].judged))
}

#[test]
fn histories_and_their_verdicts() {
    use Outcome::{Fail, Pass, Unknown};
    let table = [
        // history            read-your-writes  monotonic-reads  monotonic-writes  writes-follow-reads
        ("", [(Unknown, 0), (Unknown, 0), (Unknown, 0), (Unknown, 0)]),
        ("r1", [(Unknown, 0), (Unknown, 0), (Unknown, 0), (Unknown, 0)]),
        ("w2 r2", [(Pass, 1), (Unknown, 0), (Unknown, 0), (Unknown, 0)]),
        ("w2 r1", [(Fail, 1), (Unknown, 0), (Unknown, 0), (Unknown, 0)]),
        ("w2 w? r2", [(Pass, 1), (Unknown, 0), (Unknown, 0), (Unknown, 0)]),
        ("w? r1", [(Unknown, 0), (Unknown, 0), (Unknown, 0), (Unknown, 0)]),
        ("r5 r5 r6", [(Unknown, 0), (Pass, 2), (Unknown, 0), (Unknown, 0)]),
        ("r5 r6 r5", [(Unknown, 0), (Fail, 2), (Unknown, 0), (Unknown, 0)]),
        ("r5 r? r5", [(Unknown, 0), (Pass, 1), (Unknown, 0), (Unknown, 0)]),
        ("w2 w3 w9", [(Unknown, 0), (Unknown, 0), (Pass, 2), (Unknown, 0)]),
        ("w2 w3 w3", [(Unknown, 0), (Unknown, 0), (Fail, 2), (Unknown, 0)]),
        ("r5 w6", [(Unknown, 0), (Unknown, 0), (Unknown, 0), (Pass, 1)]),
        ("r5 w5", [(Unknown, 0), (Unknown, 0), (Unknown, 0), (Fail, 1)]),
        ("r5 w6 r6 w7 r9 w10", [(Pass, 2), (Pass, 2), (Pass, 2), (Pass, 3)]),
    ];
    for (history, expected) in table {
        assert_eq!(judged(history), expected, "{history:?}");
    }
}

#[test]
fn sessions_are_judged_apart() {
    let verdicts = judge(&[session(1, "w9"), session(2, "r3")]);
    assert!(verdicts.iter().all(|verdict| verdict.outcome() == Outcome::Unknown));
}

#[test]
fn the_witness_names_what_was_missed() {
    let verdicts = judge(&[session(4, "w2 w7 r5")]);
    assert_eq!(
        verdicts[0].failures,
        ["customer 4's r5! read at position 5; it had to include the w7!, at position 7"]
    );
}
