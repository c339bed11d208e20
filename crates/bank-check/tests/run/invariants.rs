//! Violations of single invariants, each with the verdict and the sentence that must follow, and runs without journals.

use crate::transcript::{applied, found, verdict, with_journals, without_journals};
use bank_check::history::{Action, History, Outcome, RefusalReason};
use bank_check::verdict::Outcome as Found;
use bank_check::{Options, judge, overall};

const CORRECT: &str = "
    1 deposit 10 at 1 p2 =110
    1 query at 2 p2 =110
    2 withdraw 500 at 2 p3 =110 refused
    2 open on a at 2 p4 =0
    2 withdraw 60 at 3 p5 =50
    3 deposit 7 at 3 not-applied
    1 query at 1 p5 =50";

type Violate = fn(&mut History);

fn each(history: &mut History, change: impl Fn(&mut Vec<bank_check::history::Applied>)) {
    for journal in &mut history.journals {
        change(&mut journal.applied);
    }
}

#[test]
fn a_correct_run_passes() {
    let verdicts = judge(&with_journals(CORRECT), &Options::default());
    assert_eq!(overall(&verdicts), Found::Pass, "{verdicts:#?}");
    let unknown = verdicts.iter().filter(|verdict| verdict.outcome() == Found::Unknown);
    let unknown: Vec<&str> = unknown.map(|verdict| verdict.guarantee).collect();
    // No session reads before it writes at another branch, and a withdrawal makes balances unreadable as sums of
    // deposits. The journals have no heads.
    let expected = [
        "writes-follow-reads",
        "read-your-writes-by-balances",
        "monotonic-reads-by-balances",
        "entries-chained",
    ];
    assert_eq!(unknown, expected);
}

#[test]
fn each_violation_fails_its_guarantee() {
    let table: [(&str, Violate, &str); 21] = [
        (
            "honest-positions",
            |history| history.operations[1].balance = Some(111),
            "customer 1's query at branch 2 (event 2, level eventual) answered balance 111 from position 2, but the account held 110 there",
        ),
        (
            "honest-positions",
            |history| history.operations[6].position = Some(9),
            "customer 1's query at branch 1 (event 3, level eventual) answered from position 9, and no journal goes past 5",
        ),
        (
            "conservation",
            |history| each(history, |applied| applied[4].balance = 51),
            "after customer 2's withdrawal of 60 at branch 3 (event 3) at position 5 in the journal of branch 1 the accounts hold 51, and had to hold 50",
        ),
        (
            "no-overdraft",
            |history| {
                each(history, |applied| {
                    applied[2].outcome = Outcome::Accepted;
                    applied[2].balance = -390;
                })
            },
            "customer 2's withdrawal of 500 at branch 2 (event 1) at position 3 in the journal of branch 1 was accepted, and the account held 110",
        ),
        (
            "no-overdraft",
            |history| history.operations[6].balance = Some(-1),
            "customer 1 queried at branch 1 (event 3, position 5), and was told balance -1",
        ),
        (
            "true-decisions",
            |history| {
                each(history, |applied| {
                    applied[4].outcome = Outcome::Refused(RefusalReason::InsufficientFunds);
                    applied[4].balance = 110;
                })
            },
            "customer 2's withdrawal of 60 at branch 3 (event 3) at position 5 in the journal of branch 1 was refused, and had to be accepted: the account held 110",
        ),
        (
            "true-decisions",
            |history| {
                each(history, |applied| {
                    applied[2].outcome = Outcome::Refused(RefusalReason::NoSuchAccount)
                })
            },
            "customer 2's withdrawal of 500 at branch 2 (event 1) at position 3 in the journal of branch 1 was refused for a wrong reason, and had to be refused for insufficient funds: the account held 110",
        ),
        // A lost update: the deposit is missing from the balance.
        (
            "replayed-balances",
            |history| each(history, |applied| applied[4].balance = 40),
            "customer 2's withdrawal of 60 at branch 3 (event 3) at position 5 in the journal of branch 1 has balance 40, and had to have 50",
        ),
        // A forgotten request id.
        (
            "at-most-once",
            |history| {
                each(history, |entries| {
                    let mut again = entries[1].clone();
                    again.position = 6;
                    again.balance = 60;
                    entries.push(again);
                });
                for journal in &mut history.journals {
                    journal.position = 6;
                }
            },
            "customer 1's deposit of 10 at branch 1 (event 1) was applied at position 2 and again at 6 in the journal of branch 1",
        ),
        (
            "acknowledged-writes",
            |history| {
                each(history, |applied| {
                    applied.remove(1);
                })
            },
            "customer 1 deposited 10 at branch 1 (event 1, position 2), and the write is in no journal up to position 5",
        ),
        (
            "acknowledged-writes",
            |history| history.operations[0].position = Some(1),
            "customer 1 deposited 10 at branch 1 (event 1, position 1), and the write stands at position 2 in the journal",
        ),
        (
            "acknowledged-writes",
            |history| history.operations[0].balance = Some(9),
            "customer 1 deposited 10 at branch 1 (event 1, position 2), and the write has balance 9 in its reply and 110 in the journal",
        ),
        (
            "attempted-writes",
            |history| {
                each(history, |entries| {
                    let action = Action::Deposit {
                        account: "main".to_owned(),
                        amount: 3,
                    };
                    entries.push(applied(6, "nobody", action, Outcome::Accepted, 53));
                });
                for journal in &mut history.journals {
                    journal.position = 6;
                }
            },
            "the journal of branch 1 has a deposit of 3 at position 6 (request nobody), and no customer asked for it",
        ),
        (
            "rejected-writes",
            |history| {
                each(history, |entries| {
                    let action = Action::Deposit {
                        account: "main".to_owned(),
                        amount: 7,
                    };
                    entries.push(applied(6, "6", action, Outcome::Accepted, 57));
                });
                for journal in &mut history.journals {
                    journal.position = 6;
                }
            },
            "customer 3 asked for a deposit of 7 at branch 3 (event 1), was told that it was not applied, and the journal of branch 1 has it at position 6",
        ),
        (
            "rejected-writes",
            |history| each(history, |applied| applied[2].outcome = Outcome::Accepted),
            "customer 2 was refused a withdrawal of 500 at branch 2 (event 1, position 3), for insufficient funds, and the journal of branch 1 has it at position 3",
        ),
        (
            "agreement",
            |history| {
                history.journals[2].applied.remove(3);
            },
            "at position 4 branch 3 has nothing, and branch 1 has customer 2's opening of a at branch 2 (event 2) (accepted, balance 0)",
        ),
        (
            "agreement",
            |history| {
                history.journals.remove(1);
            },
            "the journal of branch 2 is missing",
        ),
        (
            "digests",
            |history| history.journals[1].digest.clear(),
            "branch 2 gave no digest at position 5",
        ),
        (
            "digests",
            |history| history.journals[1].digest = "d1".to_owned(),
            "at position 5 branch 1 has digest d0, and branch 2 has d1",
        ),
        (
            "applied-order",
            |history| history.journals[0].applied.swap(1, 2),
            "branch 1 has customer 1's deposit of 10 at branch 1 (event 1) at position 2, after position 3",
        ),
        (
            "applied-order",
            |history| history.journals[1].position = 4,
            "branch 2 has customer 2's withdrawal of 60 at branch 3 (event 3) at position 5, past its last position 4",
        ),
    ];
    for (guarantee, violate, sentence) in table {
        let mut history = with_journals(CORRECT);
        violate(&mut history);
        let verdict = verdict(&history, &Options::default(), guarantee);
        let said = verdict.failures.first().map_or("", String::as_str);
        assert_eq!(said, format!("{sentence}: {guarantee} broken"), "{verdict:#?}");
        assert!(verdict.breaks_promise());
    }
}

#[test]
fn the_opening_balance_is_compared_with_the_one_asked_for() {
    let options = Options {
        opening: Some(101),
        ..Options::default()
    };
    let verdict = verdict(&with_journals(CORRECT), &options, "conservation");
    assert_eq!(
        verdict.failures,
        ["the bank opened with 100, and 101 was asked for: conservation broken"]
    );
}

#[test]
fn without_journals_replies_are_compared_with_each_other() {
    let options = Options {
        opening: Some(100),
        ..Options::default()
    };
    let table = [
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 p2 =110", "pass 2", ""),
        // The command at position 3 is not known.
        ("1 deposit 10 at 1 p2 =110\n1 deposit 1 at 2 p4 =90", "pass 1", ""),
        (
            "1 deposit 10 at 1 p2 =7\n1 query at 2 p2 =7",
            "fail 1 of 2",
            "customer 1 deposited 10 at branch 1 (event 1, position 2), and was told balance 7, but right after the bank's opening it had to be 110: honest-positions broken",
        ),
        (
            "1 deposit 10 at 1 p2 =110\n2 query at 2 p2 =110\n1 withdraw 5 at 2 p3 =110",
            "fail 1 of 3",
            "customer 1 withdrew 5 at branch 2 (event 2, position 3), and was told balance 110, but right after customer 2's query at branch 2 (event 1, level eventual) it had to be 105: honest-positions broken",
        ),
    ];
    for (text, expected, sentence) in table {
        let verdict = verdict(&without_journals(text), &options, "honest-positions");
        assert_eq!(found(&verdict), expected, "{text}\n{verdict:#?}");
        assert_eq!(verdict.failures.first().map_or("", String::as_str), sentence, "{text}");
    }
}

#[test]
fn a_bank_that_always_answers_7_fails() {
    let text = "1 deposit 10 at 1 p2 =7\n1 query at 2 p2 =7\n2 deposit 4 at 2 p3 =7\n2 query at 1 p3 =7";
    let options = Options {
        opening: Some(7),
        ..Options::default()
    };
    assert_eq!(
        overall(&judge(&without_journals(text), &Options::default())),
        Found::Fail
    );
    assert_eq!(overall(&judge(&without_journals(text), &options)), Found::Fail);
}

#[test]
fn a_repeated_reply_has_the_first_decision() {
    let correct = "1 deposit 10 at 1 p2 =110 #a\n1 deposit 10 at 2 p2 =110 #a";
    assert_eq!(
        found(&verdict(
            &without_journals(correct),
            &Options::default(),
            "at-most-once"
        )),
        "pass 1"
    );
    let twice = "1 deposit 10 at 1 p2 =110 #a\n1 deposit 10 at 2 p3 =120 #a";
    let verdict = verdict(&without_journals(twice), &Options::default(), "at-most-once");
    let sentence = "customer 1 deposited 10 at branch 1 (event 1, position 2); the same request was decided again: customer 1 deposited 10 at branch 2 (event 2, position 3): at-most-once broken";
    assert_eq!(verdict.failures, [sentence]);
}

#[test]
fn only_the_best_witnesses_are_kept() {
    let mut text = "1 deposit 10 at 1 p900 =110\n".to_owned();
    for read in 0..500 {
        text += &format!("1 query at 2 p{read} =100\n");
    }
    let verdict = verdict(&without_journals(&text), &Options::default(), "read-your-writes");
    assert_eq!(
        (verdict.failed, verdict.witnesses.len(), verdict.failures.len()),
        (500, 16, 16)
    );
    assert_eq!(
        verdict.witnesses[0].operations,
        [("customer 1".to_owned(), 1), ("customer 1".to_owned(), 2)]
    );
    assert_eq!(verdict.witnesses[0].positions, [900, 0]);
}

#[test]
fn a_missing_journal_is_told_from_one_that_differs() {
    let missing = |change: fn(&mut History), guarantee: &str| {
        let mut history = with_journals(CORRECT);
        change(&mut history);
        let verdict = verdict(&history, &Options::default(), guarantee);
        assert!(verdict.failed > 0, "{guarantee}");
        verdict.missing == verdict.failed
    };
    for guarantee in ["agreement", "digests"] {
        assert!(missing(|history| drop(history.journals.remove(1)), guarantee));
    }
    assert!(!missing(|history| drop(history.journals[1].applied.pop()), "agreement"));
    assert!(!missing(
        |history| history.journals[1].digest = "d1".to_owned(),
        "digests"
    ));
}
