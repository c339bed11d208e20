//! `launcher demo`: each lesson breaks where it has to, with its witness, and holds where it has to. Needs `branchd` beside
//! it: `cargo build --workspace`.

use bank_check::{History, Options, judge};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn demo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command.arg("demo").args(args).output().expect("the launcher runs")
}

/// What a lesson says as JSON, once it is known to be convincing.
fn convincing(args: &[&str]) -> Value {
    let output = demo(&[args, &["--json"]].concat());
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    let told: Value = serde_json::from_str(&text).expect("one line of JSON");
    assert_eq!(told["convincing"], true, "{text}");
    assert_eq!(
        (&told["broken"], &told["held"]),
        (&told["runs"], &told["runs"]),
        "{text}"
    );
    assert_eq!(
        (&told["weak"]["outcome"], &told["strong"]["outcome"]),
        (&"fail".into(), &"pass".into())
    );
    // The same input.
    let asked = |act: &Value| {
        let operations = act["operations"].as_array().expect("operations").iter();
        let asked = operations.map(|op| (op["customer"].clone(), op["branch"].clone(), op["action"].clone()));
        asked.collect::<Vec<_>>()
    };
    assert_eq!(asked(&told["weak"]), asked(&told["strong"]));
    told
}

fn witness(told: &Value) -> &str {
    told["weak"]["witnesses"][0].as_str().expect("a witness")
}

#[test]
fn read_your_writes_breaks_and_holds_every_time() {
    let told = convincing(&["read-your-writes", "--runs", "3"]);
    assert_eq!(told["runs"], 3);
    assert_eq!(
        witness(&told),
        "customer 1 deposited 10 at branch 1 (event 1, position 2); its next query at branch 3 (event 2, level eventual) \
         answered from position 1: read-your-writes broken"
    );
    let (weak, strong) = (&told["weak"], &told["strong"]);
    assert_eq!(
        (&weak["level"], &strong["level"]),
        (&"eventual".into(), &"session".into())
    );
    assert_eq!(
        (&weak["operations"][1]["balance"], &strong["operations"][1]["balance"]),
        (&100.into(), &110.into())
    );
    assert_eq!(strong["wait"]["meanwhile_position"], 1);
}

#[test]
fn monotonic_reads_breaks_and_holds() {
    let told = convincing(&["monotonic-reads"]);
    assert_eq!(told["strong"]["level"], "monotonic-reads");
    assert!(
        witness(&told).ends_with("answered from position 1: monotonic-reads broken"),
        "{}",
        witness(&told)
    );
}

#[test]
fn only_a_strong_read_sees_what_another_customer_was_told() {
    let told = convincing(&["strong"]);
    assert_eq!(
        (&told["weak"]["level"], &told["strong"]["level"]),
        (&"session".into(), &"strong".into())
    );
    assert!(witness(&told).ends_with("linearizability broken"), "{}", witness(&told));
}

#[test]
fn a_writer_that_waits_for_all_is_stopped_by_a_dead_branch() {
    let told = convincing(&["writer-waits"]);
    assert_eq!(
        (&told["weak"]["propagation"], &told["strong"]["propagation"]),
        (&"quorum".into(), &"all".into())
    );
    assert_eq!(told["strong"]["operations"][1]["level"], "eventual");
    assert_eq!(told["strong"]["wait"]["event"], 1);
    let dead = &told["dead_branch"];
    assert_eq!(dead["quorum"]["missing_branches"], Value::Array(vec![]));
    assert_eq!(dead["all"]["missing_branches"], Value::Array(vec![3.into()]));
    assert_eq!(dead["all"]["outcome"], "accepted");
}

#[test]
fn what_was_recorded_is_kept_where_that_is_asked_and_judged_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = dir.path().join("kept");
    let path = kept.to_str().expect("a plain path");
    let told = convincing(&["read-your-writes", "--dir", path]);
    let verdicts = |act: &str| {
        let text = std::fs::read_to_string(kept.join(act).join("history.jsonl")).expect("a history");
        let history = History::parse(&text, &[]).expect("a history");
        assert_eq!(history.faults.len(), 1, "the hold");
        judge(&history, &Options::default())
    };
    assert_eq!(verdicts("weak")[0].failures, [witness(&told)]);
    assert_eq!(verdicts("strong")[0].failures, [""; 0]);
    assert!(Path::new(path).join("weak/branch-3/log").exists());
    let again = demo(&["read-your-writes", "--dir", path]);
    assert_eq!(again.status.code(), Some(2), "it is not empty");
}

#[test]
fn lessons_are_listed_and_told() {
    let listed = demo(&[]);
    let text = String::from_utf8_lossy(&listed.stdout);
    assert_eq!(listed.status.code(), Some(0));
    for name in ["read-your-writes", "monotonic-reads", "strong", "writer-waits"] {
        assert!(text.contains(&format!("launcher demo {name} ")), "{text}");
    }
    assert_eq!(demo(&["colours"]).status.code(), Some(2));
    let told = demo(&["read-your-writes"]);
    let text = String::from_utf8_lossy(&told.stdout);
    for words in [
        "The witness: customer 1 deposited 10",
        "BROKEN (it was not promised)",
        "holds",
        "1 of 1 held",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
