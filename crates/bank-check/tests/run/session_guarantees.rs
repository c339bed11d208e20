//! One table for each session guarantee: a history, its verdict, and the sentence of the first witness.

use crate::transcript::{found, verdict, with_journals, without_journals};
use bank_check::{History, Options};

/// Checks the verdict and the first sentence for each history of a table.
fn check(guarantee: &str, history: impl Fn(&str) -> History, options: &Options, table: &[(&str, &str, &str)]) {
    for (text, expected, sentence) in table {
        let verdict = verdict(&history(text), options, guarantee);
        assert_eq!(found(&verdict), *expected, "{guarantee}: {text}\n{verdict:#?}");
        let said = verdict.failures.first().map_or("", String::as_str);
        assert_eq!(said, *sentence, "{guarantee}: {text}");
    }
}

#[test]
fn read_your_writes() {
    let table = [
        ("", "unknown", ""),
        ("1 query at 2 p1 =100", "unknown", ""),
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 p2 =110", "pass 1", ""),
        // A read at the same branch is not judged: it could hardly fail.
        ("1 deposit 10 at 1 p2 =110\n1 query at 1 p2 =110", "unknown", ""),
        ("1 deposit 10 at 1 unknown\n1 query at 2 p1 =100", "unknown", ""),
        ("1 deposit 10 at 1 p2 =110\n2 query at 2 p1 =100", "unknown", ""),
        (
            "1 query at 1 p6 =100\n1 query at 1 p6 =100\n1 deposit 10 at 1 p7 =110\n1 query at 2 p6 =100",
            "fail 1 of 1",
            "customer 1 deposited 10 at branch 1 (event 3, position 7); its next query at branch 2 (event 4, level eventual) answered from position 6: read-your-writes broken",
        ),
        (
            "1 deposit 10 at 1 p2 =110\n1 query at 2 p2 =110\n1 query at 1 session p1 =100",
            "fail 1 of 2",
            "customer 1 deposited 10 at branch 1 (event 1, position 2); its later query at branch 1 (event 3, level session) answered from position 1: read-your-writes broken",
        ),
        (
            "1 withdraw 500 at 1 p2 =100 refused\n1 query at 2 p1 =100",
            "fail 1 of 1",
            "customer 1 was refused a withdrawal of 500 at branch 1 (event 1, position 2), for insufficient funds; its next query at branch 2 (event 2, level eventual) answered from position 1: read-your-writes broken",
        ),
    ];
    check("read-your-writes", without_journals, &Options::default(), &table);
}

#[test]
fn monotonic_reads() {
    let table = [
        ("1 query at 1 p5 =100", "unknown", ""),
        (
            "1 query at 1 p5 =100\n1 query at 2 p5 =100\n1 query at 1 p6 =100",
            "pass 2",
            "",
        ),
        ("1 query at 1 p5 =100\n2 query at 2 p4 =100", "unknown", ""),
        (
            "1 query at 1 p5 =100\n1 query at 2 p4 =100\n1 query at 3 session p4 =100",
            "fail 2 of 2",
            // The witness of a broken promise comes first.
            "customer 1's query at branch 1 (event 1, level eventual) answered from position 5; its later query at branch 3 (event 3, level session) answered from position 4: monotonic-reads broken",
        ),
    ];
    check("monotonic-reads", without_journals, &Options::default(), &table);
}

#[test]
fn monotonic_writes() {
    let by_replies = [
        ("1 deposit 1 at 1 p2 =101", "unknown", ""),
        ("1 deposit 1 at 1 p2 =101\n1 deposit 1 at 2 p3 =102", "pass 1", ""),
        // A write with an unknown outcome does not restrict later writes. A repeated write counts at its first attempt.
        (
            "1 deposit 1 at 1 unknown #a\n1 deposit 1 at 2 p2 =101\n1 deposit 1 at 3 p3 =102 #a",
            "unknown",
            "",
        ),
        (
            "1 deposit 1 at 1 p3 =101 #a\n1 deposit 1 at 2 p4 =102\n1 deposit 1 at 3 p3 =101 #a",
            "pass 1",
            "",
        ),
        (
            "1 deposit 1 at 1 p3 =101\n1 withdraw 1 at 2 p2 =100",
            "fail 1 of 1",
            "customer 1 deposited 1 at branch 1 (event 1, position 3); its later withdrawal of 1 at branch 2 (event 2) came at position 2 by its reply, not after position 3: monotonic-writes broken",
        ),
    ];
    check("monotonic-writes", without_journals, &Options::default(), &by_replies);
    let swapped = |text: &str| {
        let mut history = with_journals(text);
        let applied = &mut history.journals[2].applied;
        let (one, other) = (applied[1].position, applied[2].position);
        applied.swap(1, 2);
        applied[1].position = one;
        applied[2].position = other;
        history
    };
    let by_journals = [(
        "1 deposit 1 at 1 p2 =101\n1 withdraw 1 at 2 p3 =100",
        "fail 1 of 2",
        "customer 1 deposited 1 at branch 1 (event 1, position 2); its later withdrawal of 1 at branch 2 (event 2) came at position 2 in the journal of branch 3, not after position 3: monotonic-writes broken",
    )];
    check("monotonic-writes", swapped, &Options::default(), &by_journals);
}

#[test]
fn writes_follow_reads() {
    let table = [
        ("1 query at 1 p5 =100", "unknown", ""),
        ("1 query at 1 p5 =100\n1 deposit 1 at 2 p6 =101", "pass 1", ""),
        ("1 deposit 1 at 2 p6 =101\n1 query at 1 p6 =101", "unknown", ""),
        (
            "1 query at 1 p5 =100\n1 deposit 1 at 2 p5 =101",
            "fail 1 of 1",
            "customer 1's query at branch 1 (event 1, level eventual) answered from position 5; its later deposit of 1 at branch 2 (event 2) came at position 5: writes-follow-reads broken",
        ),
    ];
    check("writes-follow-reads", without_journals, &Options::default(), &table);
}

#[test]
fn linearizability() {
    let table = [
        ("1 deposit 1 at 1 p2 =101", "unknown", ""),
        ("1 deposit 1 at 1 p2 =101\n2 query at 2 strong p2 =101", "pass 1", ""),
        // Weaker reads may be old. Operations that overlap in time may have either order.
        ("1 deposit 1 at 1 p2 =101\n2 query at 2 session p1 =100", "unknown", ""),
        (
            "1 deposit 1 at 1 p2 =101 t10-30\n2 query at 2 strong p1 =100 t20-40",
            "unknown",
            "",
        ),
        (
            "1 deposit 1 at 1 p3 =101\n2 deposit 1 at 2 p4 =102\n1 query at 1 strong p4 =102\n2 query at 1 strong p4 =102",
            "pass 3",
            "",
        ),
        (
            "1 deposit 1 at 1 p2 =101\n2 query at 2 strong p1 =100",
            "fail 1 of 1",
            "customer 1's deposit of 1 at branch 1 (event 1) was done at 15 µs, at position 2; customer 2's query at branch 2 (event 1, level strong) was begun after that, at 20 µs, and answered from position 1: linearizability broken",
        ),
        (
            "1 query at 2 eventual p2 =101\n2 deposit 1 at 1 p2 =101",
            "fail 1 of 1",
            "customer 1's query at branch 2 (event 1, level eventual) was done at 15 µs, at position 2; customer 2's deposit of 1 at branch 1 (event 1) was begun after that, at 20 µs, and came at position 2: linearizability broken",
        ),
        (
            "1 deposit 1 at 1 p3 =101\n2 deposit 1 at 2 p2 =102",
            "fail 1 of 1",
            "customer 1's deposit of 1 at branch 1 (event 1) was done at 15 µs, at position 3; customer 2's deposit of 1 at branch 2 (event 1) was begun after that, at 20 µs, and came at position 2: linearizability broken",
        ),
    ];
    check("linearizability", without_journals, &Options::default(), &table);
}

#[test]
fn no_future_reads() {
    let options = Options {
        opening: Some(0),
        ..Options::default()
    };
    let not_begun = "customer 1's query at branch 1 (event 1, level strong) was done at 3000 µs and answered from position 2; no customer had begun a write by then that can have this position or an earlier one: no-future-reads broken";
    let placed = "customer 1's query at branch 1 (event 1, level strong) was done at 3000 µs and answered from position 2; customer 2's deposit of 4 at branch 2 (event 1), at position 2, was begun after that, at 5000 µs: no-future-reads broken";
    let table = [
        // The deposit has no position in the history.
        (
            "1 query at 1 strong p2 =4 t2000-3000\n2 deposit 4 at 2 unknown t5000-6000\n1 query at 1 strong p2 =4 t7000-8000",
            "fail 1 of 2",
            not_begun,
        ),
        (
            "1 query at 1 strong p2 =4 t2000-3000\n2 deposit 4 at 2 =4 t5000-6000",
            "fail 1 of 1",
            not_begun,
        ),
        ("1 query at 1 strong p2 =4 t2000-3000", "fail 1 of 1", not_begun),
        // A write that was not applied explains nothing.
        (
            "2 deposit 4 at 2 not-applied t100-200\n1 query at 1 strong p2 =4 t2000-3000",
            "fail 1 of 1",
            not_begun,
        ),
        // An earlier write has a later position.
        (
            "2 withdraw 4 at 2 refused p3 =0 t100-200\n1 query at 1 strong p2 =0 t2000-3000",
            "fail 1 of 1",
            not_begun,
        ),
        (
            "1 query at 1 strong p2 =4 t2000-3000\n2 deposit 4 at 2 p2 =4 t5000-6000",
            "fail 1 of 1",
            placed,
        ),
        // The read shows a later position than that of the write.
        (
            "2 deposit 4 at 2 p2 =4 t5000-6000\n1 query at 1 p3 =4 t2000-3000\n3 withdraw 5 at 1 p3 refused t1000-1500",
            "fail 1 of 1",
            "customer 1's query at branch 1 (event 1, level eventual) was done at 3000 µs and answered from position 3; customer 2's deposit of 4 at branch 2 (event 1), at position 2, was begun after that, at 5000 µs: no-future-reads broken",
        ),
        // Some write was begun, and it does not give the balance.
        (
            "3 deposit 1 at 1 unknown t100-200\n1 query at 1 p2 =4 t2000-3000\n2 deposit 4 at 2 unknown t5000-6000",
            "fail 1 of 1",
            "customer 1's query at branch 1 (event 1, level eventual) was done at 3000 µs and answered 4; the writes that customers had begun by then cannot give this balance: no-future-reads broken",
        ),
        (
            "3 deposit 1 at 1 refused t100-200\n1 query at 1 =1 t2000-3000",
            "fail 1 of 1",
            "customer 1's query at branch 1 (event 1, level eventual) was done at 3000 µs and answered 1; the writes that customers had begun by then cannot give this balance: no-future-reads broken",
        ),
        (
            "3 deposit 5 at 1 t100-200\n3 open on a at 1 t300-400\n3 transfer 3 at 1 to a t2500-2600\n1 query on a at 1 =2 t2000-3000",
            "fail 1 of 1",
            "customer 1's query of a at branch 1 (event 1, level eventual) was done at 3000 µs and answered 2; the writes that customers had begun by then cannot give this balance: no-future-reads broken",
        ),
        // Times that overlap or are equal leave both orders open.
        (
            "1 query at 1 p2 =4 t2000-3000\n2 deposit 4 at 2 p2 =4 t3000-4000",
            "pass 1",
            "",
        ),
        (
            "1 query at 1 p2 =4 t2000-3000\n2 deposit 4 at 2 unknown t2500-9000",
            "pass 1",
            "",
        ),
        // A repeated write counts from its first attempt.
        (
            "2 deposit 4 at 2 unknown #a t100-200\n1 query at 1 p2 =4 t2000-3000\n2 deposit 4 at 2 p2 =4 #a t5000-6000",
            "pass 1",
            "",
        ),
        (
            "3 deposit 5 at 1 t100-200\n3 open on a at 1 t300-400\n3 transfer 3 at 1 to a t2500-2600\n1 query on a at 1 =3 t2000-3000",
            "pass 1",
            "",
        ),
        (
            "1 query at 1 p1 =0 t2000-3000\n2 deposit 4 at 2 p2 =4 t5000-6000",
            "pass 1",
            "",
        ),
        // A deposit that was begun before the opening of its account, or in the same moment, may be applied after it.
        (
            "3 deposit 59 on a at 1 t100-500\n2 open on a at 1 t200-300\n1 query on a at 1 =59 t2000-3000",
            "pass 1",
            "",
        ),
        (
            "3 deposit 59 on a at 1 t200-500\n2 open on a at 1 t200-300\n1 query on a at 1 =59 t2000-3000",
            "pass 1",
            "",
        ),
        // Nobody is known to have opened the account, so no balance of it is known.
        ("1 query on a at 1 =7", "unknown", ""),
    ];
    check("no-future-reads", without_journals, &options, &table);
    // The history of a bank that is older than the run does not have all of its writes.
    let older = Options {
        before: 7,
        ..options.clone()
    };
    check(
        "no-future-reads",
        without_journals,
        &older,
        &[("1 query at 1 p7 =70", "pass 1", "")],
    );
    let by_journals = [(
        "2 deposit 4 at 2 p2 =104 t5000-6000\n1 query at 1 p2 =104 t2000-3000",
        "fail 1 of 1",
        placed,
    )];
    let by_journals = by_journals
        .map(|(text, expected, sentence)| (text, expected, sentence.replace("level strong", "level eventual")));
    for (text, expected, sentence) in &by_journals {
        check(
            "no-future-reads",
            with_journals,
            &Options::default(),
            &[(*text, *expected, sentence.as_str())],
        );
    }
}

#[test]
fn a_write_without_a_request_id_is_begun_when_it_is_asked_for() {
    let text = "1 query at 1 p2 =4 t2000-3000\n2 deposit 4 at 2 p2 =4 t5000-6000";
    let mut history = without_journals(text);
    history.operations[1].request_id = None;
    let verdict = verdict(&history, &Options::default(), "no-future-reads");
    assert_eq!(found(&verdict), "fail 1 of 1");
    assert_eq!(verdict.witnesses[0].operations.len(), 2);
}

#[test]
fn with_every_read_a_weak_read_is_judged_and_breaks_no_promise() {
    let options = Options {
        every_read: true,
        ..Options::default()
    };
    let history = without_journals("1 deposit 1 at 1 p2 =101\n2 query at 2 session p1 =100");
    let verdict = verdict(&history, &options, "linearizability");
    assert_eq!(found(&verdict), "fail 1 of 1");
    assert!(!verdict.promised && !verdict.breaks_promise());
}

#[test]
fn by_balances() {
    let options = Options {
        opening: Some(100),
        ..Options::default()
    };
    let table = [
        ("1 deposit 1 at 1 =101\n1 query at 2 =101", "pass 1", ""),
        (
            "1 deposit 1 at 1 =101\n2 deposit 2 at 1 =103\n1 query at 2 =103\n1 query at 3 =103",
            "pass 2",
            "",
        ),
        (
            "1 deposit 1 at 1 =101\n2 deposit 3 at 1 =104\n1 query at 2 =100",
            "unknown",
            "",
        ),
        (
            "1 deposit 1 at 1 =101\n2 deposit 1 at 1 =102\n1 query at 2 =100",
            "unknown",
            "",
        ),
        (
            "1 deposit 1 at 1 =101\n2 withdraw 1 at 1 =100\n1 query at 2 =100",
            "unknown",
            "",
        ),
        (
            "1 deposit 1 at 1 =101\n2 deposit 2 at 1 =103\n1 query at 2 =102",
            "fail 1 of 1",
            "customer 1 deposited 1 at branch 1 (event 1); its next query at branch 2 (event 2, level eventual) answered 102, without it: read-your-writes-by-balances broken",
        ),
        (
            "1 deposit 1 at 1 =101\n1 query at 2 =7",
            "fail 1 of 1",
            "customer 1's query at branch 2 (event 2, level eventual) answered 7, which is no sum of the deposits that customers asked for: read-your-writes-by-balances broken",
        ),
    ];
    check("read-your-writes-by-balances", without_journals, &options, &table);
    let table = [
        (
            "2 deposit 2 at 1 =102\n1 query at 2 =102\n1 query at 1 =102",
            "pass 1",
            "",
        ),
        (
            "2 deposit 2 at 1 =102\n1 query at 2 =102\n1 query at 1 =100",
            "fail 1 of 1",
            "customer 1's reads up to its query at branch 2 (event 1, level eventual) had seen customer 2's deposit of 2; its later query at branch 1 (event 2, level eventual) answered 100, without it: monotonic-reads-by-balances broken",
        ),
    ];
    check("monotonic-reads-by-balances", without_journals, &options, &table);
}

#[test]
fn promises_follow_from_levels_and_propagation() {
    // history, promised
    let table = [
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 p1 =100", false),
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 monotonic-reads p1 =100", false),
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 read-your-writes p1 =100", true),
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 session p1 =100", true),
        ("1 deposit 10 at 1 p2 =110\n1 query at 2 strong p1 =100", true),
        // The write had reached every branch.
        ("1 deposit 10 at 1 all p2 =110\n1 query at 2 p1 =100", true),
    ];
    for (text, promised) in table {
        let verdict = verdict(&without_journals(text), &Options::default(), "read-your-writes");
        assert_eq!(
            (found(&verdict).as_str(), verdict.promised),
            ("fail 1 of 1", promised),
            "{text}"
        );
    }
}

#[test]
fn without_a_case_the_levels_of_the_reads_say_what_was_promised() {
    // history, whether read-your-writes is promised, whether monotonic-reads is
    let table = [
        ("", true, true),
        ("1 deposit 10 at 1 p2 =110", true, true),
        ("1 query at 2 p1 =100", false, false),
        ("1 query at 2 read-your-writes p1 =100", true, false),
        ("1 query at 2 monotonic-reads p1 =100", false, true),
        ("1 query at 2 session p1 =100", true, true),
        ("1 query at 2 all p1 =100", true, false),
        ("1 query at 2 p1 =100\n2 query at 2 strong p1 =100", true, true),
    ];
    for (text, own, seen) in table {
        for (guarantee, promised) in [
            ("read-your-writes", own),
            ("monotonic-reads", seen),
            ("read-your-writes-by-balances", own),
            ("monotonic-reads-by-balances", seen),
        ] {
            let verdict = verdict(&without_journals(text), &Options::default(), guarantee);
            assert_eq!(
                (found(&verdict).as_str(), verdict.promised),
                ("unknown", promised),
                "{guarantee}: {text}"
            );
        }
    }
}

#[test]
fn an_unknown_verdict_says_why() {
    let options = Options::default();
    let why = |text: &str, guarantee: &str| verdict(&without_journals(text), &options, guarantee).why_unknown();
    let one_branch = "1 deposit 10 at 1 p2 =110\n1 query at 1 p2 =110";
    assert_eq!(why("", "read-your-writes"), Some("the run has no such case"));
    assert_eq!(
        why(one_branch, "read-your-writes"),
        Some("all cases were at one branch, where they can hardly fail")
    );
    assert_eq!(why(one_branch, "agreement"), Some("there are no journals"));
    assert_eq!(why(one_branch, "honest-positions"), None);
}
