use super::*;
use crate::verdict::run_verdict::Judged;
use bank_check::history::{Fault, FaultKind};
use bank_check::output::{Answer, Mode, Output, Reported};
use bank_check::verdict::{Group, Unit, Verdict};
use bank_check::{Options, judge};
use bank_types::Level;
use insta::assert_snapshot;

const INPUT: &str = r#"[{"id":1,"type":"branch","balance":5},{"id":2,"type":"branch","balance":5},
    {"id":7,"type":"customer","events":[{"interface":"deposit","money":4,"branch":1},{"interface":"query","branch":2}]}]"#;

/// A text without its colours, after a check of its width.
fn plain(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    for line in plain.lines() {
        assert!(
            line.chars().count() <= WIDTH,
            "{} columns: {line}",
            line.chars().count()
        );
    }
    plain
}

fn input() -> Input {
    Input::parse(Path::new("in.json"), INPUT).expect("an input")
}

fn on_output(query: Answer) -> RunVerdict {
    let reported = |interface: &str, branch, answer| Reported {
        customer: 7,
        interface: interface.to_owned(),
        branch: Some(branch),
        answer,
    };
    let output = Output::Events(vec![
        reported("deposit", 1, Answer::Success),
        reported("query", 2, query),
    ]);
    RunVerdict::on_output(&input(), &output, Mode::Sequential)
}

/// The text on an output in which the deposit succeeded, and the query got this answer.
fn on_answer(query: Answer, verbose: bool) -> String {
    let again = "launcher check out.json --input in.json";
    plain(&output_text(&on_output(query), &input(), again, verbose))
}

/// A history of customer 1: a deposit at branch 1, and the positions at which its reads at branch 2 were answered.
fn history(level: &str, reads: &[u64]) -> History {
    let operation = |sequence: usize, kind: &str, branch: u32, position: u64| {
        let (action, id, outcome) = match kind {
            "deposit" => (
                r#"{"operation":"deposit","account":"main","amount":10}"#,
                r#""0198""#,
                "accepted",
            ),
            _ => (r#"{"operation":"query","account":"main"}"#, "null", "answered"),
        };
        let (balance, at) = (10 * (position - 1), sequence * 100);
        format!(
            r#"{{"type":"operation","customer":1,"session":"customer-1","sequence":{sequence},"event":{sequence},"action":{action},"branch":{branch},"served_by":{branch},"level":"{level}","propagation":"quorum","request_id":{id},"invoked_us":{at},"completed_us":{at},"outcome":"{outcome}","balance":{balance},"position":{position},"waited_us":0,"attempts":1,"repeated":false,"missing_branches":[],"error":null}}"#
        )
    };
    let deposit = operation(1, "deposit", 1, 2);
    let reads = reads
        .iter()
        .enumerate()
        .map(|(at, position)| operation(at + 2, "query", 2, *position));
    let text: Vec<String> = std::iter::once(deposit).chain(reads).collect();
    History::parse(&text.join("\n"), &[]).expect("a history")
}

/// The verdict on a history, as on a run folder without an output.
fn on_history(history: &History) -> RunVerdict {
    let verdicts = judge(history, &Options::default()).into_iter();
    RunVerdict {
        judged: verdicts
            .map(|verdict| Judged {
                counts: verdict.promised || verdict.guarantee == "read-your-writes",
                verdict,
            })
            .collect(),
        level: Some(history.operations[0].level),
        tally: Some(crate::verdict::tally::Tally::of(&history.operations)),
        ..RunVerdict::default()
    }
}

fn on_folder(history: &History, verdict: &RunVerdict, verbose: bool) -> String {
    let page = Some(PathBuf::from("run/report.html"));
    plain(&folder_text(verdict, history, page, "launcher check run", verbose))
}

#[test]
fn an_output_in_a_few_lines_and_as_a_table() {
    assert_snapshot!(on_answer(Answer::Balance(9), false), @"
    2 branches, 1 customer, 2 events

    ✓ read-your-writes held: 1 of 1 read showed the customer's own writes
    ✓ the output           complete 2, write results 1

    checks    launcher check out.json --input in.json --verbose
    ");
    assert_snapshot!(on_answer(Answer::Balance(9), true), @"
    2 branches, 1 customer, 2 events

    the output
      complete                      pass     2 events
      read-your-writes              pass     1 read
      write results                 pass     1 write

    consistent: read-your-writes held in 1 read
    ");
}

#[test]
fn on_a_failure_the_witness_stands_last() {
    assert_snapshot!(on_answer(Answer::Balance(5), false), @"
    2 branches, 1 customer, 2 events

    ✗ read-your-writes failed: 1 of 1 read did not show a possible balance
    ✓ the output           complete 2, write results 1

    checks    launcher check out.json --input in.json --verbose

    NOT consistent: read-your-writes failed
    customer 7's query at branch 2 (its event no. 2) answered 5; it had to be 9, and
    to include the deposit of 4 at branch 1 (its event no. 1): read-your-writes
    broken
    ");
    assert_snapshot!(on_answer(Answer::Unknown, true), @"
    2 branches, 1 customer, 2 events

    the output
      complete                      fail     1 of 2 events
        customer 7's query at branch 2 (its event no. 2) was not answered
      read-your-writes              unknown  none: the run has no such case
      write results                 pass     1 write

    NOT consistent: complete failed
    customer 7's query at branch 2 (its event no. 2) was not answered
    ");
}

#[test]
fn a_run_in_a_few_lines() {
    let history = history("session", &[2, 2]);
    assert_snapshot!(on_folder(&history, &on_history(&history), false), @"
    2 branches, 1 customer, 3 operations

    ✓ read-your-writes held: 2 of 2 reads showed the customer's own writes
      session guarantees   not judged: no case across branches
    ✓ the books            2 checks, none failed

    picture   run/report.html
    checks    launcher check run --verbose
    ");
}

#[test]
fn the_table_says_what_was_counted_and_why_nothing_was() {
    let history = history("session", &[2, 2]);
    assert_snapshot!(on_folder(&history, &on_history(&history), true), @"
    2 branches, 1 customer, 3 operations

    session guarantees, by the history
      read-your-writes              pass     2 reads
      monotonic-reads               unknown  none: all cases were at one branch,
                                             where they can hardly fail
      monotonic-writes              unknown  none: there are no journals: judged by
                                             the positions in the replies
      writes-follow-reads           unknown  none: there are no journals: judged by
                                             the positions in the replies
      read-your-writes-by-balances  unknown  none: balances do not tell the deposits
                                             apart
      monotonic-reads-by-balances   unknown  none: balances do not tell the deposits
                                             apart
    the books: ordering, by the history
      linearizability               unknown  none: no strong read was answered
      no-future-reads               pass     2 reads
      agreement                     unknown  none: there are no journals
      applied-order                 unknown  none: there are no journals
    the books: integrity, by the history
      honest-positions              pass     2 replies; there are no journals: each
                                             reply is judged by the replies just
                                             before it
      conservation                  unknown  none: there are no journals
      no-overdraft                  unknown  none: there are no journals
      true-decisions                unknown  none: there are no journals
      replayed-balances             unknown  none: there are no journals
      at-most-once                  unknown  none: the run has no such case
      acknowledged-writes           unknown  none: there are no journals
      attempted-writes              unknown  none: there are no journals
      rejected-writes               unknown  none: there are no journals
      digests                       unknown  none: there are no journals
      entries-chained               unknown  none: there are no journals
    at one branch: the branch that was asked for the operation before. Such a case
    can hardly fail, and counts only if it does

    3 operations: 0 refused; reads that had to wait: none

    picture   run/report.html

    consistent: read-your-writes held in 2 reads
    ");
}

#[test]
fn read_your_writes_counts_at_every_level_and_its_row_says_what_the_level_promises() {
    let history = history("eventual", &[1, 2]);
    let verdict = on_history(&history);
    assert_snapshot!(on_folder(&history, &verdict, false), @"
    2 branches, 1 customer, 3 operations

    ✗ read-your-writes failed: 1 of 2 reads did not show the customer's own writes
      session guarantees   not judged: no case across branches
    ✓ the books            2 checks, none failed

    checks    launcher check run --verbose

    NOT consistent: read-your-writes failed (level eventual does not promise it)
    customer 1 deposited 10 at branch 1 (event 1, position 2); its next query at
    branch 2 (event 2, level eventual) answered from position 1: read-your-writes
    broken
    look at   run/report.html
    ");
    let own = verdict
        .judged
        .iter()
        .find(|judged| judged.verdict.guarantee == "read-your-writes");
    assert_eq!(own.map(|own| (own.verdict.promised, own.counts)), Some((false, true)));
    assert_eq!(verdict.exit().code(), 1);
}

#[test]
fn what_the_level_does_not_promise_is_told_without_alarm() {
    let history = history("read-your-writes", &[3, 2]);
    let verdict = on_history(&history);
    assert_eq!(verdict.exit().code(), 0);
    let text = folder_text(&verdict, &history, None, "launcher check run", false);
    assert!(!text.contains("\u{1b}[31m"), "no red: {text}");
    assert_snapshot!(plain(&text), @"
    2 branches, 1 customer, 3 operations

    ✓ read-your-writes held: 2 of 2 reads showed the customer's own writes
      session guarantees   not judged: no case across branches
    ✓ the books            2 checks, none failed
      monotonic-reads      1 of 1 read failed; level read-your-writes does not
                           promise it

    checks    launcher check run --verbose
    ");
}

#[test]
fn a_run_that_was_not_finished_says_why_and_is_not_called_inconsistent() {
    let history = history("session", &[2]);
    let mut verdict = on_history(&history);
    verdict.faults = vec!["customers 3 and 7: process cannot be started: Too many open files (os error 24)".to_owned()];
    assert_eq!(verdict.exit().code(), 3);
    assert_snapshot!(on_folder(&history, &verdict, false), @"
    2 branches, 1 customer, 2 operations

    ✓ read-your-writes held: 1 of 1 read showed the customer's own writes
      session guarantees   not judged: no case across branches
    ✓ the books            2 checks, none failed

    checks    launcher check run --verbose

    not finished: customers 3 and 7: process cannot be started: Too many open files
    (os error 24)
    look at   run/report.html
    ");
    // Missing answers and journals follow from that. Anything else that fails does not.
    let mut complete = Verdict::new("complete", Unit::EVENTS);
    complete.group = Group::Output;
    (complete.judged, complete.failed) = (3, 1);
    let mut agreement = Verdict::new("agreement", Unit::ENTRIES);
    agreement.group = Group::Ordering;
    (agreement.judged, agreement.failed, agreement.missing) = (1, 1, 1);
    verdict.judged.extend([&complete, &agreement].map(|verdict| Judged {
        counts: true,
        verdict: verdict.clone(),
    }));
    assert_eq!(verdict.exit().code(), 3);
    agreement.missing = 0;
    verdict.judged.push(Judged {
        counts: true,
        verdict: agreement,
    });
    assert_eq!(verdict.exit().code(), 1);
    // Without a cause, a missing answer is a wrong output.
    verdict = on_output(Answer::Unknown);
    assert_eq!(verdict.exit().code(), 1);
    assert_eq!(RunVerdict::default().exit().code(), 3);
}

#[test]
fn faults_and_events_without_an_answer_are_one_line_each() {
    let mut history = history("session", &[2]);
    history.faults = vec![Fault {
        kind: FaultKind::Pause { branch: 2 },
        from_us: 1_000,
        until_us: Some(2_500),
    }];
    let mut verdict = on_history(&history);
    verdict.level = Some(Level::Session);
    verdict.kept_back = 2;
    verdict.unanswered = vec!["a fault was on, and customer 1's query at branch 2 was not answered".to_owned()];
    assert_snapshot!(on_folder(&history, &verdict, false), @"
    2 branches, 1 customer, 2 operations

    ✓ read-your-writes held: 1 of 1 read showed the customer's own writes
      session guarantees   not judged: no case across branches
    ✓ the books            2 checks, none failed
      1 fault was played: --verbose lists what and when
      2 events were not answered while a fault was on

    picture   run/report.html
    checks    launcher check run --verbose
    ");
    let text = on_folder(&history, &verdict, true);
    assert!(
        text.ends_with(
            "consistent: read-your-writes held in 1 read; 2 events were not answered while a\nfault was on\n"
        ),
        "{text}"
    );
    assert!(text.contains("  branch 2 paused: from 1.0 ms to 2.5 ms\n"), "{text}");
    assert!(
        text.contains("\nnote: a fault was on, and customer 1's query"),
        "{text}"
    );
}
