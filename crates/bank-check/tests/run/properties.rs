//! Every history of the model passes all judges. With one injected violation, the judge of that violation fails.

use crate::injected::VIOLATIONS;
use crate::model::{Dice, OPENING, Shape, history};
use bank_check::verdict::Outcome;
use bank_check::{Options, judge};
use proptest::prelude::*;

fn options() -> Options {
    Options {
        opening: Some(OPENING),
        ..Options::default()
    }
}

fn shapes(operations: std::ops::Range<usize>) -> impl Strategy<Value = Shape> {
    (any::<u64>(), operations, 1..6usize, 2..6u32, any::<bool>()).prop_map(
        |(seed, operations, sessions, branches, powers)| Shape {
            seed,
            operations,
            sessions,
            branches,
            powers,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_history_of_the_model_passes(shape in shapes(0..120), without_journals: bool) {
        let mut history = history(shape);
        if without_journals {
            history.journals.clear();
        }
        let verdicts = judge(&history, &options());
        let failures: Vec<_> = verdicts.iter().flat_map(|verdict| &verdict.failures).collect();
        prop_assert!(failures.is_empty(), "{failures:#?}");
    }

    #[test]
    fn any_one_violation_fails(shape in shapes(60..120), seed: u64) {
        let correct = history(Shape { powers: false, ..shape });
        for (guarantee, name, inject) in VIOLATIONS {
            let mut history = correct.clone();
            if !inject(&mut history, &mut Dice(seed)) {
                continue;
            }
            let verdicts = judge(&history, &options());
            let mut fails = verdicts.iter().filter(|verdict| verdict.outcome() == Outcome::Fail);
            prop_assert!(fails.any(|verdict| verdict.guarantee == guarantee), "{name}: {guarantee} did not fail");
        }
    }
}

/// Every violation is injected in enough histories, so the property above covers all of them.
#[test]
fn every_violation_is_tried() {
    for (guarantee, name, inject) in VIOLATIONS {
        let caught = (0..20).filter(|seed| {
            let mut history = history(Shape {
                seed: *seed,
                operations: 200,
                sessions: 3,
                branches: 3,
                powers: false,
            });
            let injected = inject(&mut history, &mut Dice(*seed));
            let verdicts = judge(&history, &options());
            let fails = verdicts
                .iter()
                .any(|verdict| verdict.guarantee == guarantee && verdict.outcome() == Outcome::Fail);
            assert_eq!(injected, fails, "{name}: {guarantee}, seed {seed}");
            injected
        });
        assert!(caught.count() >= 10, "{name}");
    }
}

#[test]
fn balances_alone_show_what_a_read_missed() {
    let shape = Shape {
        seed: 7,
        operations: 200,
        sessions: 3,
        branches: 3,
        powers: true,
    };
    let correct = history(shape);
    for guarantee in ["read-your-writes-by-balances", "monotonic-reads-by-balances"] {
        let verdicts = judge(&correct, &options());
        let verdict = verdicts.iter().find(|verdict| verdict.guarantee == guarantee).unwrap();
        assert_eq!(verdict.outcome(), Outcome::Pass, "{guarantee}");
        assert!(verdict.judged > 20, "{guarantee}: {}", verdict.judged);
        // The last read sees only the opening balance.
        let mut history = correct.clone();
        let read = history
            .operations
            .iter_mut()
            .rev()
            .find(|operation| operation.outcome == bank_check::history::Outcome::Answered);
        read.unwrap().balance = Some(OPENING);
        let verdicts = judge(&history, &options());
        let verdict = verdicts.iter().find(|verdict| verdict.guarantee == guarantee).unwrap();
        assert_eq!((verdict.outcome(), verdict.failed), (Outcome::Fail, 1), "{guarantee}");
    }
}
