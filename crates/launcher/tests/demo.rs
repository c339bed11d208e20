//! `launcher demo`: each lesson breaks its guarantee under the weak setting, with the expected witness, and keeps it
//! under the strong one. Needs `branchd` and `customer-cli` beside the launcher: `cargo build --workspace`.

use bank_check::History;
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Exit code, stdout and stderr.
type Said = (Option<i32>, String, String);

fn launch(dir: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    let output = command.args(args).current_dir(dir).output().expect("the launcher runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Runs `launcher demo` in a temporary directory.
fn demo(args: &[&str]) -> Said {
    let dir = tempfile::tempdir().expect("a directory");
    launch(dir.path(), &[&["demo"], args].concat())
}

/// The JSON output of a lesson, after a check that it is convincing.
fn convincing(args: &[&str]) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    convincing_in(dir.path(), args)
}

fn convincing_in(dir: &Path, args: &[&str]) -> Value {
    let (code, text, errors) = launch(dir, &[&["demo"], args, &["--json"]].concat());
    assert_eq!(code, Some(0), "{text}{errors}");
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
    // Both acts have the same input.
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
fn only_a_strong_read_sees_the_acknowledged_write_of_another_customer() {
    let told = convincing(&["strong"]);
    assert_eq!(
        (&told["weak"]["level"], &told["strong"]["level"]),
        (&"session".into(), &"strong".into())
    );
    assert!(witness(&told).ends_with("linearizability broken"), "{}", witness(&told));
}

#[test]
fn a_write_to_all_waits_for_a_dead_branch_until_its_deadline() {
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

/// Judges the run folder of an act. Returns the exit code and the output as one line.
fn check(dir: &Path, act: &str) -> (Option<i32>, String) {
    let folder = dir.join(act);
    let (code, text, errors) = launch(dir, &["check", folder.to_str().expect("UTF-8"), "--verbose"]);
    let one_line: Vec<&str> = text.split_whitespace().collect();
    (code, one_line.join(" ") + &errors)
}

/// The history in the run folder of an act.
fn recorded(dir: &Path, act: &str) -> History {
    let recorded = launcher::run::recorded::Recorded::load(&dir.join(act)).expect("a run folder");
    let meta = recorded.meta.expect("a meta.json");
    assert_eq!(meta.journals, [1, 2, 3], "{act}");
    recorded.history
}

/// The time at which a branch applied a position.
fn applied_us(history: &History, branch: u32, position: u64) -> u64 {
    let journal = history.journals.iter().find(|journal| journal.branch == branch);
    let applied = journal.and_then(|journal| journal.applied.iter().find(|applied| applied.position == position));
    applied.and_then(|applied| applied.applied_us).expect("it was applied")
}

#[test]
fn kept_run_folders_can_be_judged_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = convincing_in(dir.path(), &["read-your-writes"]);
    let kept = dir.path().join(told["dir"].as_str().expect("a folder"));
    let name = kept.file_name().unwrap_or_default().to_string_lossy().into_owned();
    assert!(name.starts_with("demo-read-your-writes-20"), "{name}");
    assert!(!dir.path().join("outputs/latest").exists(), "latest is of runs");

    let (code, said) = check(&kept, "weak");
    assert_eq!(code, Some(1), "read-your-writes counts at every level: {said}");
    assert!(said.contains(witness(&told)), "{said}");
    assert!(
        said.contains("NOT consistent: read-your-writes failed (level eventual does not promise it)"),
        "{said}"
    );
    assert_eq!(told["weak"]["promised"], false);
    let (code, said) = check(&kept, "strong");
    assert_eq!(code, Some(0), "{said}");

    for act in ["weak", "strong"] {
        let history = recorded(&kept, act);
        let read = &history.operations[1];
        let released_us = history.faults[0].until_us.expect("released");
        let arrived_us = applied_us(&history, 3, 2);
        assert!(applied_us(&history, 1, 2) < read.invoked_us, "{act}: one clock");
        assert!(released_us <= arrived_us, "{act}: the network held it back");
        assert_eq!(arrived_us < read.completed_us, act == "strong", "{act}");
    }
    let page = fs::read_to_string(dir.path().join(told["report"].as_str().expect("a page"))).expect("a page");
    let shown = format!("data-witness=\"read-your-writes\">{}</p>", witness(&told));
    assert!(page.contains(&shown) && page.contains("branch 3 is held back"));
    for name in ["reads: eventual", "reads: session"] {
        assert!(page.contains(&format!(">{name}</h2>")), "{name}");
    }
}

#[test]
fn a_break_that_was_not_promised_is_found_and_does_not_count() {
    for (lesson, seen) in [
        ("monotonic-reads", "monotonic-reads broken"),
        ("strong", "linearizability broken"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        convincing_in(dir.path(), &[lesson, "--dir", "kept"]);
        let (code, said) = check(&dir.path().join("kept"), "weak");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(seen) && said.contains("does not promise it"), "{said}");
    }
}

#[test]
fn a_folder_is_used_once_and_many_runs_keep_none_by_default() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = convincing_in(dir.path(), &["read-your-writes", "--runs", "2"]);
    assert_eq!((&told["dir"], &told["report"]), (&Value::Null, &Value::Null));
    assert!(fs::read_dir(dir.path()).expect("a directory").next().is_none());

    let told = convincing_in(dir.path(), &["read-your-writes", "--runs", "2", "--dir", "kept"]);
    assert_eq!(told["report"], "kept/run-2/report.html");
    for run in ["run-1", "run-2"] {
        assert_eq!(check(&dir.path().join("kept").join(run), "strong").0, Some(0), "{run}");
    }
    let (code, _, errors) = launch(dir.path(), &["demo", "read-your-writes", "--dir", "kept"]);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("kept is not empty") && errors.contains("--dir"),
        "{errors}"
    );

    fs::write(dir.path().join("outputs"), "").expect("written");
    let (code, said, errors) = launch(dir.path(), &["demo", "read-your-writes"]);
    assert_eq!((code, said.as_str()), (Some(2), ""), "{errors}");
    assert!(
        errors.contains("outputs cannot be made") && errors.contains("--dir"),
        "{errors}"
    );
}

#[test]
fn lessons_are_listed_and_printed() {
    let (code, text, _) = demo(&[]);
    assert_eq!(code, Some(0));
    assert_snapshot!(text, @"
    Each lesson runs one input twice while the network holds a branch back: once it breaks, once it holds.

      launcher demo read-your-writes  reads: eventual, against reads: session
        a customer pays in at branch 1; does branch 3, which has not heard of it yet, show it?
      launcher demo monotonic-reads   reads: read-your-writes, against reads: monotonic-reads
        a customer has seen the newest balance at branch 1; does time run backwards at branch 3?
      launcher demo strong            reads: session, against reads: strong
        customer 1 has been told that its deposit is done; does customer 2 see it at branch 3?
      launcher demo writer-waits      writes: quorum, against writes: all
        can the deposit wait for every branch, so that no read has to? And what does a dead branch cost then?

    --runs N plays one N times and counts; --json prints it for machines.
    ");
    assert_eq!(demo(&["colours"]).0, Some(2));
    let (_, text, _) = demo(&["read-your-writes"]);
    for words in [
        "The witness: customer 1 deposited 10",
        "BROKEN (it was not promised)",
        "holds",
        "1 of 1 held",
        "\nreport: outputs/demo-read-your-writes-20",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
