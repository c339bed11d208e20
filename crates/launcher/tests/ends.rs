//! A run that ends early, for any reason, leaves no process, and keeps what was done before. The tests find processes
//! in /proc, by the run folder in their arguments.
#![cfg(target_os = "linux")]

use crate::support::wait_for;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Two branches; customer 1 asks once, customer 2 very often.
fn long_input() -> String {
    let event = r#"{"interface":"deposit","branch":1,"money":1}"#;
    let many = vec![event; 20_000].join(",");
    format!(
        r#"[{{"id":1,"type":"branch","balance":0}},{{"id":2,"type":"branch","balance":0}},
            {{"id":1,"type":"customer","events":[{event}]}},{{"id":2,"type":"customer","events":[{many}]}}]"#
    )
}

fn start(dir: &Path) -> Child {
    fs::write(dir.join("input.json"), long_input()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command
        .args(["run", "input.json", "--base-port", "auto", "--concurrent", "--dir"])
        .arg(dir.join("run"));
    command
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("launcher runs")
}

/// The processes, apart from the launcher itself, that were started for this run and have `word` in their arguments.
fn children(dir: &Path, word: &str) -> Vec<Pid> {
    let folder = dir.join("run").to_string_lossy().into_owned();
    let started_for_it = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        arguments.contains(&folder) && arguments.contains(word) && !arguments.contains("launcher run")
    };
    let entries = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(started_for_it).filter_map(Pid::from_raw).collect()
}

/// Runs `launcher` to its end: its exit code and what it said.
fn launch(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    let ran = command.args(args).current_dir(dir).output().expect("launcher runs");
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (ran.status.code(), said.concat())
}

fn signal(launcher: &Child, signal: Signal) {
    kill_process(Pid::from_child(launcher), signal).expect("sent");
}

#[test]
fn a_signal_at_any_moment_leaves_no_process() {
    for moment in ["branch-1/log", "bank.json", "customers/customer-2.session.json"] {
        for (sent, code) in [
            (Signal::INT, Some(130)),
            (Signal::TERM, Some(143)),
            (Signal::KILL, None),
        ] {
            let dir = tempfile::tempdir().expect("a directory");
            let mut launcher = start(dir.path());
            wait_for(moment, || dir.path().join("run").join(moment).exists().then_some(()));
            signal(&launcher, sent);
            assert_eq!(launcher.wait().expect("ended").code(), code, "{moment}");
            match code {
                Some(_) => assert_eq!(children(dir.path(), ""), [], "{moment}, {sent:?}"),
                // Nobody is left to stop them: they find out by themselves.
                None => wait_for("the end of all", || children(dir.path(), "").is_empty().then_some(())),
            }
            assert!(!dir.path().join("outputs/output.json").exists());
            assert!(!dir.path().join("outputs/latest").exists());
            let (code, said) = launch(dir.path(), &["check", "run"]);
            assert_eq!(code, Some(3), "{said}");
            let reason = if sent == Signal::KILL {
                "its launcher was killed"
            } else {
                "a signal stopped it"
            };
            assert!(
                said.contains(&format!("was not judged: it was interrupted ({reason})")),
                "{said}"
            );
        }
    }
}

#[test]
fn a_customer_that_dies_loses_its_own_results_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let launcher = start(dir.path());
    wait_for("customer 1's session", || {
        dir.path()
            .join("run/customers/customer-1.session.json")
            .exists()
            .then_some(())
    });
    wait_for("the end of customer 1", || {
        children(dir.path(), "customer-1.session").is_empty().then_some(())
    });
    let customer = wait_for("customer 2", || {
        children(dir.path(), "customer-2.session").first().copied()
    });
    kill_process(customer, Signal::KILL).expect("killed");
    let ran = launcher.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert!(
        said.contains("\nnot finished: customer 2's process ended after") && said.contains("SIGKILL"),
        "{said}"
    );
    assert!(!said.contains("NOT consistent"), "{said}");
    // Someone will want to look at the data of a run that failed.
    assert!(dir.path().join("run/branch-1/data").exists());
    let output = fs::read_to_string(dir.path().join("outputs/output.json")).expect("written");
    let output: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(output[0]["id"], 1);
    assert_eq!(output[0]["recv"][0]["result"], "success");
    assert_eq!(children(dir.path(), ""), []);
}

#[test]
fn a_branch_that_dies_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let launcher = start(dir.path());
    wait_for("the bank", || {
        dir.path()
            .join("run/customers/customer-2.session.json")
            .exists()
            .then_some(())
    });
    let branch = wait_for("branch 2", || children(dir.path(), "branch-2/data").first().copied());
    kill_process(branch, Signal::KILL).expect("killed");
    let customer = wait_for("customer 2", || {
        children(dir.path(), "customer-2.session").first().copied()
    });
    kill_process(customer, Signal::KILL).expect("killed");
    let ran = launcher.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert!(said.contains("branch 2 has ended (signal: 9 (SIGKILL))"), "{said}");
    assert!(
        said.contains("\nnot finished:") && !said.contains("NOT consistent"),
        "{said}"
    );
}
