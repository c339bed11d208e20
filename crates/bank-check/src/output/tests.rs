use super::*;
use crate::script::{Action, Event, Step, Visit};
use crate::verdict::{Outcome, overall};
use proptest::prelude::*;

/// Reads a script such as "1: q1 d2+10 w1-5": one visit per line; the digit after the letter is the branch.
fn script(opening_balance: i64, text: &str) -> Script {
    let visit = |line: &str| {
        let (customer, events) = line.split_once(':').expect("customer: events");
        let events = events.split_whitespace().enumerate().map(|(place, word)| {
            let action = match word.as_bytes()[0] {
                b'q' => Action::Query,
                b'd' => Action::Deposit(word[3..].parse().expect("amount")),
                _ => Action::Withdraw(word[3..].parse().expect("amount")),
            };
            Event {
                id: Some(place as u64 + 1),
                branch: word[1..2].parse().expect("branch"),
                action,
            }
        });
        Visit {
            customer: customer.trim().parse().expect("customer"),
            events: events.collect(),
        }
    };
    Script {
        opening_balance,
        visits: text.lines().filter(|line| line.contains(':')).map(visit).collect(),
    }
}

/// Reads the answers in order: a number, "ok", "fail", "?", "." for an event without an answer, or "-" for an event that
/// the output lacks.
fn output(script: &Script, answers: &str) -> Output {
    let steps = script.steps();
    let reported = steps
        .iter()
        .zip(answers.split_whitespace())
        .filter(|(_, word)| *word != "-")
        .map(|(step, word)| Reported {
            customer: step.customer,
            interface: step.event.action.interface().to_owned(),
            branch: Some(step.event.branch),
            answer: match word {
                "ok" => Answer::Success,
                "fail" => Answer::Fail,
                "?" => Answer::Unknown,
                "." => Answer::Missing,
                balance => Answer::Balance(balance.parse().expect("balance")),
            },
        });
    Output::Events(reported.collect())
}

fn failures(opening: i64, text: &str, answers: &str, mode: Mode) -> Vec<String> {
    let script = script(opening, text);
    let verdicts = judge(&script, &output(&script, answers), mode);
    verdicts.into_iter().flat_map(|verdict| verdict.failures).collect()
}

#[test]
fn an_excused_event_needs_no_answer() {
    // Answers, indexes of the excused events, expected failures. An output reports a write that was not applied as
    // "fail".
    let table: [(&str, &[usize], &[&str]); 8] = [
        ("ok fail ? 10", &[1, 2], &[]),
        ("ok - - 10", &[1, 2], &[]),
        ("ok . . 10", &[1, 2], &[]),
        // An excused write may or may not have been applied.
        ("ok ? 10 30", &[1], &[]),
        ("ok fail 30 30", &[1], &[]),
        // An answer that is present is judged.
        (
            "ok ? 0 10",
            &[1, 2],
            &[
                "customer 1's query at branch 1 (event 3) answered 0; it had to include the deposit of 10 at branch 1 \
                 (event 1): read-your-writes broken",
            ],
        ),
        (
            "ok ? - 10",
            &[1],
            &["customer 1's query at branch 1 (event 3) is not in the output"],
        ),
        (
            "ok ? ? 0",
            &[1, 2],
            &[
                "customer 1's query at branch 2 (event 4) answered 0; it had to include the deposit of 10 at branch 1 \
                 (event 1): read-your-writes broken",
            ],
        ),
    ];
    for (answers, excused, expected) in table {
        let script = script(0, "1: d1+10 d1+20 q1 q2");
        let excused = excused.iter().copied().collect();
        let verdicts = judge_excusing(&script, &output(&script, answers), Mode::Concurrent, &excused);
        let failures: Vec<String> = verdicts.into_iter().flat_map(|verdict| verdict.failures).collect();
        assert_eq!(failures, expected, "{answers}");
    }
    let script = script(0, "1: q1 d1+10 q2\n2: q1");
    for (balances, excused, failed) in [
        (vec![(2, 10)], vec![2], 0),
        (vec![(1, 0), (2, 10)], vec![2], 0),
        (vec![(2, 10)], vec![], 1),
        (vec![], vec![2], 1),
    ] {
        let excused = excused.into_iter().collect();
        let verdicts = judge_excusing(&script, &Output::Balances(balances), Mode::Concurrent, &excused);
        assert_eq!(verdicts[0].failures.len(), failed, "{verdicts:?}");
    }
}

#[test]
fn sequential_runs() {
    let table: [(&str, &str, &[&str]); 16] = [
        ("1: q1 d1+10 q2", "0 ok 10", &[]),
        ("1: d1+10 w2-4 q1", "ok ok 6", &[]),
        ("1: w1-4 q2", "fail 0", &[]),
        ("1: d1+10 q1\n2: q2", "ok 10 10", &[]),
        (
            "1: q1 d1+10 q2",
            "0 ok 0",
            &[
                "customer 1's query at branch 2 (event 3) answered 0; it had to be 10, and to include the deposit of 10 \
               at branch 1 (event 2): read-your-writes broken",
            ],
        ),
        (
            "1: d1+10 q1\n2: q2",
            "ok 10 0",
            &[
                "customer 2's query at branch 2 (event 1) answered 0; it had to be 10, and to include customer 1's \
               deposit of 10 at branch 1 (event 1): the order of the input broken",
            ],
        ),
        (
            "1: q1 d1+10 q2",
            "7 ok 7",
            &[
                "customer 1's query at branch 1 (event 1) answered 7; it had to be 0, the opening balance; the \
                 account never held 7 before",
                "customer 1's query at branch 2 (event 3) answered 7; it had to be 10, the balance after the deposit of \
                 10 at branch 1 (event 2); the account never held 7 before",
            ],
        ),
        (
            "1: w1-4 q2",
            "ok 0",
            &[
                "customer 1's withdrawal of 4 at branch 1 (event 1) succeeded; it had to be refused: the balance was 0, \
               less than 4",
            ],
        ),
        (
            "1: d1+4 q2",
            "fail 4",
            &["customer 1's deposit of 4 at branch 1 (event 1) was refused; it had to succeed: the balance was 0"],
        ),
        (
            "1: d1+4 q2",
            "- 4",
            &["customer 1's deposit of 4 at branch 1 (event 1) is not in the output"],
        ),
        (
            "1: d1+4 q2",
            "ok -",
            &["customer 1's query at branch 2 (event 2) is not in the output"],
        ),
        (
            "1: d1+4 q2",
            "? 0",
            &["customer 1's deposit of 4 at branch 1 (event 1) was not answered"],
        ),
        (
            "1: d1+4 q2 q2",
            ". 0 4",
            &["customer 1's deposit of 4 at branch 1 (event 1) has no result"],
        ),
        (
            "1: d1+4 q2",
            "ok .",
            &["customer 1's query at branch 2 (event 2) has no balance"],
        ),
        (
            "1: d1+4 q2 q2",
            "? 0 4",
            &["customer 1's deposit of 4 at branch 1 (event 1) was not answered"],
        ),
        (
            "1: q1",
            "ok",
            &["customer 1's query at branch 1 (event 1) has no balance"],
        ),
    ];
    for (text, answers, expected) in table {
        assert_eq!(
            failures(0, text, answers, Mode::Sequential),
            expected,
            "{text} -> {answers}"
        );
    }
}

#[test]
fn the_largest_balance() {
    let most = i64::MAX;
    assert!(failures(most, "1: d1+1 q1", &format!("fail {most}"), Mode::Sequential).is_empty());
    assert!(failures(0, &format!("1: d1+{most} q1"), &format!("ok {most}"), Mode::Sequential).is_empty());
    assert_eq!(failures(most, "1: d1+1", "ok", Mode::Sequential).len(), 1);
}

#[test]
fn concurrent_runs() {
    let table: [(&str, &str, usize); 12] = [
        ("1: d1+10 q2\n2: d2+5 q1", "ok 10 ok 15", 0),
        ("1: d1+10 q2\n2: d2+5 q1", "ok 15 ok 5", 0),
        ("1: d1+10 q2\n2: d2+5 q1", "ok 5 ok 15", 1),
        ("1: d1+10 q2\n2: d2+5 q1", "ok 7 ok 7", 2),
        ("1: d1+10 q2\n2: w2-5 q1", "ok 5 ok 5", 0),
        ("1: d1+10 q2\n2: w2-5 q1", "ok 10 fail 0", 0),
        ("1: d1+10 q2\n2: w2-5 q1", "ok 10 ok 10", 1),
        ("1: w1-5\n2: w2-5", "ok fail", 2),
        ("1: d1+5 w1-5\n2: w2-5", "ok ok ok", 1),
        ("1: d1+5 w1-5\n2: w2-5", "ok fail ok", 0),
        ("1: d1+5 w1-5\n2: q2", "ok fail 5", 1),
        ("1: d1+10\n2: q2\n1: q2", "ok 0 0", 1),
    ];
    for (text, answers, expected) in table {
        let found = failures(0, text, answers, Mode::Concurrent);
        assert_eq!(found.len(), expected, "{text} -> {answers}: {found:?}");
    }
}

#[test]
fn concurrent_witness() {
    assert_eq!(
        failures(0, "1: d1+10 q2\n2: d2+5 q1", "ok 5 ok 15", Mode::Concurrent),
        [
            "customer 1's query at branch 2 (event 2) answered 5; it had to include the deposit of 10 at branch 1 (event \
          1): read-your-writes broken"
        ]
    );
}

#[test]
fn failed_cases_are_counted_in_both_modes() {
    // Customers at once: that the account cannot be below zero is a case of its own.
    for (mode, expected) in [(Mode::Sequential, [2, 1]), (Mode::Concurrent, [2, 2])] {
        let script = script(0, "1: d1+10 q2 q3 w1-50");
        let verdicts = judge(&script, &output(&script, "ok 7 7 ok"), mode);
        assert_eq!([verdicts[1].failed, verdicts[2].failed], expected, "{mode:?}");
        for verdict in verdicts {
            assert_eq!(verdict.failed, verdict.failures.len(), "{}", verdict.guarantee);
            assert!(verdict.failed <= verdict.judged, "{}", verdict.guarantee);
        }
    }
}

#[test]
fn nothing_to_judge_is_unknown() {
    let script = script(0, "1: d1+4");
    let verdicts = judge(&script, &output(&script, "ok"), Mode::Sequential);
    let outcome = |name| {
        verdicts
            .iter()
            .find(|v| v.guarantee == name)
            .map(|v| (v.outcome(), v.judged))
    };
    assert_eq!(outcome("read-your-writes"), Some((Outcome::Unknown, 0)));
    assert_eq!(outcome("write results"), Some((Outcome::Pass, 1)));
}

#[test]
fn surplus_entries_are_named() {
    let script = script(0, "1: q1 q2");
    let Output::Events(mut reported) = output(&script, "0 0") else {
        unreachable!()
    };
    let mut foreign = reported[0].clone();
    foreign.branch = Some(9);
    reported.insert(1, foreign.clone());
    foreign.customer = 3;
    reported.push(foreign);
    let verdicts = judge(&script, &Output::Events(reported), Mode::Sequential);
    assert_eq!((verdicts[0].judged, verdicts[0].failed), (4, 2));
    assert_eq!(
        verdicts[0].failures,
        [
            "reported event no. 2, customer 1's query at branch 9, is not what the input asks there",
            "reported event no. 4, customer 3's query at branch 9, is not what the input asks there",
        ]
    );
}

#[test]
fn last_balances() {
    let script = script(0, "1: q1 d1+4 q2\n2: w1-1 q1\n3: d2+2");
    let wrong = |balances: &[(u64, i64)], mode| {
        overall(&judge(&script, &Output::Balances(balances.to_vec()), mode)) == Outcome::Fail
    };
    assert!(!wrong(&[(1, 4), (2, 3)], Mode::Sequential));
    assert!(wrong(&[(1, 4), (2, 4)], Mode::Sequential));
    assert!(wrong(&[(1, 4)], Mode::Sequential));
    assert!(wrong(&[(1, 4), (2, 3), (3, 5)], Mode::Sequential));
    assert!(!wrong(&[(1, 6), (2, 5)], Mode::Concurrent));
    assert!(wrong(&[(1, 0), (2, 3)], Mode::Concurrent));
}

#[test]
fn the_line_of_the_assignments_checker() {
    let script = script(0, "1: q1 q2 d2+5 q1\n2: q3");
    let Output::Events(reported) = output(&script, "0 0 ok 5 0") else {
        unreachable!()
    };
    let pairs = Pairs::of(&reported);
    let lines: Vec<String> = pairs.0.iter().map(Pair::to_string).collect();
    assert_eq!(
        lines,
        [
            "Consistent balance between branch 1 and branch 2. Balance=0",
            "Inconsistency detected between branch 1 and branch 3: 5 != 0",
        ]
    );
    assert_eq!(pairs.to_string(), "1 out of 2 cross-branch query events are correct.");
}

/// A script of up to three customers, small amounts, up to six visits.
fn any_script() -> impl Strategy<Value = Script> {
    let action = prop_oneof![
        2 => Just(Action::Query),
        1 => (1..20i64).prop_map(Action::Deposit),
        1 => (1..20i64).prop_map(Action::Withdraw)
    ];
    let event = (1..4u32, action).prop_map(|(branch, action)| Event {
        id: None,
        branch,
        action,
    });
    let visit = (1..4u64, prop::collection::vec(event, 0..6)).prop_map(|(customer, events)| Visit { customer, events });
    (0..30i64, prop::collection::vec(visit, 0..6)).prop_map(|(opening_balance, visits)| Script {
        opening_balance,
        visits,
    })
}

/// Runs the events in the given order, as a bank of one branch would.
fn run_in_order(script: &Script, order: &[usize]) -> Vec<Reported> {
    let steps = script.steps();
    let mut balance = script.opening_balance;
    let mut answers = vec![Answer::Unknown; steps.len()];
    for &at in order {
        answers[at] = match steps[at].event.action {
            Action::Query => Answer::Balance(balance),
            Action::Withdraw(amount) if amount > balance => Answer::Fail,
            action => {
                balance += action.change() as i64;
                Answer::Success
            }
        };
    }
    let report = |(step, answer): (&Step<'_>, Answer)| Reported {
        customer: step.customer,
        interface: step.event.action.interface().to_owned(),
        branch: Some(step.event.branch),
        answer,
    };
    steps.iter().zip(answers).map(report).collect()
}

/// An order of the events that keeps each customer's own order. `picks` chooses the next customer.
fn interleaved(script: &Script, picks: &[usize]) -> Vec<usize> {
    let steps = script.steps();
    let mut queues: Vec<std::collections::VecDeque<usize>> = Vec::new();
    for customer in 1..4 {
        queues.push((0..steps.len()).filter(|&at| steps[at].customer == customer).collect());
    }
    let mut order = Vec::new();
    let mut picks = picks.iter().cycle();
    while order.len() < steps.len() {
        queues.retain(|queue| !queue.is_empty());
        let pick = picks.next().expect("a cycle") % queues.len();
        order.extend(queues[pick].pop_front());
    }
    order
}

proptest! {
    #[test]
    fn a_correct_sequential_run_passes_and_any_altered_balance_fails(
        script in any_script(), which in any::<prop::sample::Index>(), off in prop_oneof![-20..0i64, 1..20i64]
    ) {
        let order: Vec<usize> = (0..script.steps().len()).collect();
        let mut reported = run_in_order(&script, &order);
        let right = judge(&script, &Output::Events(reported.clone()), Mode::Sequential);
        prop_assert_ne!(overall(&right), Outcome::Fail, "{:?}", right);
        let queries: Vec<usize> =
            (0..reported.len()).filter(|&at| matches!(reported[at].answer, Answer::Balance(_))).collect();
        if !queries.is_empty() {
            let at = queries[which.index(queries.len())];
            if let Answer::Balance(balance) = &mut reported[at].answer {
                *balance += off;
            }
            let wrong = judge(&script, &Output::Events(reported), Mode::Sequential);
            prop_assert_eq!(overall(&wrong), Outcome::Fail);
        }
    }

    #[test]
    fn a_correct_concurrent_run_passes(script in any_script(), picks in prop::collection::vec(0..3usize, 1..40)) {
        let reported = run_in_order(&script, &interleaved(&script, &picks));
        let verdicts = judge(&script, &Output::Events(reported), Mode::Concurrent);
        prop_assert_ne!(overall(&verdicts), Outcome::Fail, "{:?}", verdicts);
    }

    #[test]
    fn unanswered_events_fail_nothing_else(
        script in any_script(), picks in prop::collection::vec(0..3usize, 1..40), lost in any::<prop::sample::Index>()
    ) {
        let mut reported = run_in_order(&script, &interleaved(&script, &picks));
        if !reported.is_empty() {
            let at = lost.index(reported.len());
            reported[at].answer = Answer::Unknown;
        }
        let verdicts = judge(&script, &Output::Events(reported), Mode::Concurrent);
        prop_assert_ne!(overall(&verdicts[1..]), Outcome::Fail, "{:?}", verdicts);
    }
}
