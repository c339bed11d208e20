//! `launcher run` plays the faults of an input on real branches: the answers of customers, the history, and that all
//! faults are undone at the end. Needs `branchd` and `customer-cli` beside the launcher: `cargo build --workspace`.

use crate::support::Recorded;
use bank_check::History;
use bank_check::history::{Fault, FaultKind, Journal, Operation, Outcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Three branches that open with 100.
const BRANCHES: &str = r#"{"id":1,"type":"branch","balance":100},{"id":2,"type":"branch","balance":100},{"id":3,"type":"branch","balance":100}"#;

/// A run that has ended, in a directory of its own.
struct Run {
    dir: tempfile::TempDir,
    code: Option<i32>,
    /// The output as one line.
    said: String,
}

fn launch(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    let Output { status, stdout, stderr } = command.args(args).current_dir(dir).output().expect("launcher runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout) + &text(stderr))
}

impl Run {
    /// Runs one of the inputs that people are given.
    fn of(input: &str, args: &[&str]) -> Self {
        let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inputs");
        Self::of_text(&fs::read_to_string(inputs.join(input)).expect("an input"), args)
    }

    /// Runs three branches with these further entries.
    fn with(entries: &str, args: &[&str]) -> Self {
        Self::of_text(&format!("[{BRANCHES},\n{entries}]"), args)
    }

    fn of_text(input: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("input.json"), input).expect("written");
        // The locks in the data tell whether a branch has ended.
        let flags = [
            "run",
            "input.json",
            "--base-port",
            "auto",
            "--dir",
            "run",
            "--keep-data",
        ];
        let form = match args.contains(&"--json") {
            true => &[][..],
            false => &["--verbose"],
        };
        let (code, said) = launch(dir.path(), &[&flags, form, args].concat());
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        Run { dir, code, said }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("run").join(name)
    }

    /// It ended so, the folder is judged in the same way, and no branch is left.
    fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.said);
        let (checked, said) = launch(self.dir.path(), &["check", "run"]);
        assert_eq!(checked, Some(code), "{said}");
        for branch in [1, 2, 3] {
            assert!(Recorded::branch(&self.file(&format!("branch-{branch}/data"))).has_ended());
            assert!(self.file(&format!("journals/branch-{branch}.jsonl")).exists());
        }
        self
    }

    fn said(&self, expected: &str) -> &Self {
        assert!(self.said.contains(expected), "{expected}\n{}", self.said);
        self
    }

    fn history(&self) -> History {
        let text = fs::read_to_string(self.file("history.jsonl")).expect("a history");
        History::parse(&text, &[]).expect("a history")
    }

    fn journal(&self, branch: u32) -> Journal {
        let name = format!("journals/branch-{branch}.jsonl");
        let text = fs::read_to_string(self.file(&name)).expect("a journal");
        Journal::parse(&name, &text).expect("a journal")
    }
}

/// A customer's event by its id.
fn event(history: &History, customer: u64, event: i64) -> &Operation {
    let mut operations = history.operations.iter();
    let found = operations.find(|one| one.customer == customer && one.event == Some(event));
    found.expect("begun")
}

fn answers(history: &History) -> Vec<Option<i64>> {
    history.operations.iter().map(|one| one.balance).collect()
}

/// The one fault of a history, which is over.
fn only_fault(history: &History) -> (&FaultKind, u64, u64) {
    let [
        Fault {
            kind,
            from_us,
            until_us,
        },
    ] = history.faults.as_slice()
    else {
        panic!("{:?}", history.faults);
    };
    let until_us = until_us.expect("undone at the end");
    assert!(*from_us <= until_us, "{:?}", history.faults);
    (kind, *from_us, until_us)
}

/// It was done after the one event, and before the other was begun.
fn assert_between(before: &Operation, at_us: u64, after: &Operation) {
    assert!(
        before.completed_us <= at_us && at_us <= after.invoked_us,
        "{at_us}: {before:?} {after:?}"
    );
}

#[test]
fn a_session_read_at_a_held_branch_waits_and_is_right() {
    let run = Run::of("held_branch.json", &[]);
    run.ended(0).said("1. hold what is sent to branch 3: from ");
    let history = run.history();
    let (kind, from_us, until_us) = only_fault(&history);
    assert_eq!(*kind, FaultKind::Hold { to: 3 });
    assert_between(event(&history, 1, 1), from_us, event(&history, 1, 2));
    // Branch 3 cannot know of the deposit before it is sent it.
    let read = event(&history, 1, 3);
    assert!(read.completed_us >= until_us, "{history:?}");
    assert_eq!((read.balance, read.served_by), (Some(110), Some(3)));
}

#[test]
fn an_eventual_read_at_a_held_branch_sees_the_past_and_the_judge_says_so() {
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"query","branch":3},
        {"id":2,"interface":"deposit","branch":1,"money":10},{"id":3,"interface":"query","branch":3}]},
        {"type":"fault","after":{"customer":1,"event":1},"hold":{"to":3}}"#;
    let run = Run::with(entries, &["--level", "eventual"]);
    run.ended(1).said(
        "customer 1 deposited 10 at branch 1 (event 2, position 2); its next query at branch 3 (event 3, level eventual) \
         answered from position 1: read-your-writes broken",
    );
    assert_eq!(answers(&run.history()), [Some(100), Some(110), Some(100)]);
}

#[test]
fn a_customer_that_comes_after_another_may_see_less_where_a_branch_is_held() {
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"deposit","branch":1,"money":10}]},
        {"id":2,"type":"customer","events":[{"id":1,"interface":"query","branch":3},{"id":2,"interface":"query","branch":3}]},
        {"type":"fault","at":"0ms","hold":{"to":3},"until":{"customer":2,"event":1}}"#;
    let run = Run::with(entries, &[]);
    run.ended(0);
    let history = run.history();
    let (_, from_us, until_us) = only_fault(&history);
    assert!(from_us <= event(&history, 1, 1).invoked_us);
    assert_between(event(&history, 2, 1), until_us, event(&history, 2, 2));
    assert_eq!(event(&history, 2, 1).balance, Some(100));
}

#[test]
fn a_leader_that_is_killed_between_two_events_costs_no_answer() {
    let run = Run::of("killed_leader.json", &[]);
    run.ended(0).said("1. kill branch 1: from ");
    let history = run.history();
    let (kind, from_us, until_us) = only_fault(&history);
    assert_eq!(*kind, FaultKind::Kill { branch: 1 });
    assert_between(event(&history, 1, 3), from_us, event(&history, 1, 4));
    assert_between(event(&history, 1, 5), until_us, event(&history, 1, 6));
    // The dead one was asked first, and then another with the same request id.
    let retried = event(&history, 1, 4);
    assert!(retried.attempts > 1 && retried.served_by != Some(1), "{retried:?}");
    assert_eq!(event(&history, 1, 7).balance, Some(6));
    let sequences: Vec<u64> = history.operations.iter().map(|one| one.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7]);
    // Each survivor saw both leaders. The killed one knows who led after it came back, and who led before if it had to
    // apply the last writes before its end again.
    let leaders = [1, 2, 3].map(|branch| run.journal(branch).leaders);
    let terms = leaders
        .each_ref()
        .map(|all| all.iter().map(|leader| leader.term).collect::<Vec<_>>());
    assert!(!terms[0].is_empty() && terms[1].ends_with(&terms[0]), "{leaders:?}");
    assert_eq!(terms[1].len(), 2, "{leaders:?}");
    assert_eq!(terms[1], terms[2]);
    let [first, second] = leaders[1][..] else {
        panic!("{leaders:?}")
    };
    assert_eq!((first.branch, first.after_position), (Some(1), 0));
    assert!(second.branch != Some(1) && second.from_us > Some(from_us), "{second:?}");
    assert_eq!(second.after_position, 3, "two writes before the kill");
}

#[test]
fn a_leader_that_is_killed_among_many_writes_loses_and_doubles_none() {
    let deposits = vec![r#"{"interface":"deposit","branch":2,"money":1}"#; 200].join(",");
    let customers = [1, 2].map(|id| format!(r#"{{"id":{id},"type":"customer","events":[{deposits}]}}"#));
    let fault = r#"{"type":"fault","at":"50ms","kill":{"branch":1},"for":"300ms"}"#;
    let run = Run::with(
        &format!("{},{fault}", customers.join(",")),
        &["--concurrent", "--timeout", "60s"],
    );
    run.ended(0);
    let history = run.history();
    assert!(
        history.operations.iter().all(|one| one.outcome == Outcome::Accepted),
        "{}",
        run.said
    );
    let last = history.operations.iter().filter_map(|one| one.balance).max();
    assert_eq!(last, Some(500));
}

#[test]
fn a_paused_branch_answers_once_it_goes_on() {
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"deposit","branch":1,"money":10},
        {"id":2,"interface":"query","branch":3}]},
        {"type":"fault","after":{"customer":1,"event":1},"pause":{"branch":3},"for":"300ms"}"#;
    let run = Run::with(entries, &[]);
    run.ended(0).said("1. pause branch 3: from ");
    let history = run.history();
    let (kind, from_us, _) = only_fault(&history);
    assert_eq!(*kind, FaultKind::Pause { branch: 3 });
    assert_between(event(&history, 1, 1), from_us, event(&history, 1, 2));
    assert_eq!(event(&history, 1, 2).balance, Some(110));
}

#[test]
fn what_a_cut_keeps_from_an_answer_is_said_and_breaks_no_promise() {
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"query","branch":3},
        {"id":2,"interface":"deposit","branch":1,"money":10},{"id":3,"interface":"query","branch":3},
        {"id":4,"interface":"query","branch":2}]},
        {"type":"fault","after":{"customer":1,"event":1},"cut":{"from":1,"to":3}}"#;
    let run = Run::with(entries, &["--timeout", "3s"]);
    run.ended(0)
        .said("note: a fault was on, and customer 1's query at branch 3 (event 3) was not answered: ")
        .said("; 1 event was not answered while a fault was on");
    let history = run.history();
    let expected = FaultKind::Cut {
        from: Some(1),
        to: Some(3),
    };
    assert_eq!(*only_fault(&history).0, expected);
    assert_eq!(answers(&history), [Some(100), Some(110), None, Some(110)]);
}

#[test]
fn without_a_quorum_writes_are_unknown_and_the_session_goes_on_afterwards() {
    let kill = |branch| {
        format!(
            r#"{{"type":"fault","after":{{"customer":1,"event":1}},"kill":{{"branch":{branch}}},"until":{{"customer":1,"event":3}}}}"#
        )
    };
    let events = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"deposit","branch":1,"money":10},
        {"id":2,"interface":"deposit","branch":1,"money":20},{"id":3,"interface":"query","branch":1},
        {"id":4,"interface":"query","branch":2}]}"#;
    let run = Run::with(
        &format!("{events},{},{}", kill(2), kill(3)),
        &["--timeout", "3s", "--json"],
    );
    run.ended(0);
    let report: serde_json::Value = serde_json::from_str(&run.said).expect("one JSON object");
    assert_eq!(report["conclusion"], "consistent");
    assert!(report["kept_back"].as_u64() >= Some(2), "{report}");
    let injected: Vec<_> = report["befell"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|one| &one["what"])
        .collect();
    assert_eq!(injected, ["kill branch 2", "kill branch 3"]);
    let history = run.history();
    assert_eq!(event(&history, 1, 2).outcome, Outcome::Unknown);
    let never_sent = event(&history, 1, 3);
    assert_eq!((never_sent.attempts, never_sent.balance), (0, None));
}

#[test]
fn what_is_never_undone_is_undone_at_the_end() {
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"deposit","branch":1,"money":10},
        {"id":2,"interface":"query","branch":2}]},
        {"type":"fault","after":{"customer":1,"event":1},"kill":{"branch":3}},
        {"type":"fault","after":{"customer":1,"event":2},"pause":{"branch":2}},
        {"type":"fault","after":{"customer":1,"event":2},"delay":{"branch":"all","by":"60s"}},
        {"type":"fault","at":"60s","heal":{"branch":1}}"#;
    let run = Run::with(entries, &[]);
    run.ended(0)
        .said("note: fault no. 4 (heal branch 1) was not played: the customers were done before its time");
    let history = run.history();
    assert_eq!(history.faults.len(), 5);
    assert!(
        history.faults.iter().all(|fault| fault.until_us.is_some()),
        "{history:?}"
    );
}

#[test]
fn what_ends_a_fault_leaves_later_ones_alone() {
    // At event 2 what is held ends, but not what was cut meanwhile; at event 3 a cut ends that is healed already.
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"query","branch":1},
        {"id":2,"interface":"query","branch":1},{"id":3,"interface":"query","branch":1}]},
        {"type":"fault","at":"0ms","hold":{"to":3},"until":{"customer":1,"event":2}},
        {"type":"fault","after":{"customer":1,"event":1},"cut":{"from":1,"to":3},"until":{"customer":1,"event":3}},
        {"type":"fault","after":{"customer":1,"event":2},"heal":{"branch":1}}"#;
    let run = Run::with(entries, &[]);
    run.ended(0);
    let history = run.history();
    let [hold, cut] = history.faults.as_slice() else {
        panic!("{history:?}");
    };
    for fault in [hold, cut] {
        let until_us = fault.until_us.expect("over");
        assert_between(event(&history, 1, 2), until_us, event(&history, 1, 3));
    }
    assert!(hold.until_us <= cut.until_us);
}

#[test]
fn at_one_moment_what_ends_comes_before_what_begins() {
    // Each deposit takes two ways of 20 ms: the customer is still busy when the last fault begins.
    let deposits = [r#"{"interface":"deposit","branch":1,"money":1}"#; 10].join(",");
    let entries = format!(
        r#"{{"id":1,"type":"customer","events":[{deposits}]}},
        {{"type":"fault","at":"0ms","delay":{{"branch":"all","by":"20ms"}}}},
        {{"type":"fault","at":"50ms","kill":{{"branch":3}},"for":"100ms"}},
        {{"type":"fault","at":"150ms","kill":{{"branch":3}},"for":"100ms"}},
        {{"type":"fault","at":"250ms","pause":{{"branch":3}},"for":"50ms"}},
        {{"type":"fault","at":"300ms","pause":{{"branch":3}},"for":"50ms"}}"#
    );
    let run = Run::with(&entries, &[]);
    run.ended(0);
    let history = run.history();
    let at_branch_3 = |fault: &&Fault| {
        matches!(
            fault.kind,
            FaultKind::Kill { branch: 3 } | FaultKind::Pause { branch: 3 }
        )
    };
    let faults: Vec<&Fault> = history.faults.iter().filter(at_branch_3).collect();
    assert_eq!(faults.len(), 4, "{}", run.said);
    for pair in faults.windows(2) {
        assert!(pair[0].until_us <= Some(pair[1].from_us), "{faults:?}");
    }
}

#[test]
fn what_cannot_be_played_is_said() {
    let entries = r#"{"id":1,"type":"customer","events":[{"id":1,"interface":"deposit","branch":1,"money":10}]},
        {"type":"fault","at":"0ms","restart":{"branch":2}}"#;
    let run = Run::with(entries, &[]);
    run.ended(3)
        .said("not finished: fault no. 1 (restart branch 2) could not be played: branch 2 still runs; kill it first");
}
