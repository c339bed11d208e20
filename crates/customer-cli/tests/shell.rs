//! What people at a shell meet: how the bank is found, which branch answers, and what a long wait looks like.

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use common::fake::{self, Bank, Fault};
use common::{Ran, Town, command, ran};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

fn in_directory(directory: &Path, args: &str) -> Ran {
    let mut command = command(args.split(' '));
    ran(command.current_dir(directory).output().expect("started"))
}

/// A directory in which a live bank has this bank file.
fn with_live_bank(town: &Town) -> std::path::PathBuf {
    let live = town.path("outputs/bank");
    std::fs::create_dir_all(&live).expect("made");
    std::fs::copy(town.path("bank.json"), live.join("bank.json")).expect("copied");
    town.directory.path().to_owned()
}

#[test]
fn the_live_bank_of_the_directory_is_asked() {
    let town = Town::new(0, 2);
    let directory = with_live_bank(&town);
    let ran = in_directory(&directory, "deposit 100");
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "deposited 100, balance 100 (position 2)\n", "")
    );
    assert_eq!(
        in_directory(&directory, "--json query --branch 2").json()[0]["branch"],
        2
    );
    assert!(directory.join("outputs/bank/bank.session.json").exists());
    let ran = in_directory(&directory, "query --branch 7");
    assert!(
        ran.code == Some(2) && ran.stderr.contains("the bank has no branch 7; it has 1, 2"),
        "{ran:?}"
    );
}

#[test]
fn a_live_bank_that_is_down_is_named_with_what_to_do() {
    let town = Town::of(Bank::new(0), vec![fake::closed(), fake::closed()]);
    let directory = with_live_bank(&town);
    for (verb, code) in [("query", 1), ("deposit 5", 4), ("watch", 1)] {
        let ran = in_directory(&directory, &format!("--timeout 300ms {verb}"));
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains("launcher up starts it"), "{ran:?}");
    }
}

#[test]
fn the_environment_names_the_bank_the_branch_and_the_session() {
    let town = Town::new(0, 2);
    let (bank, session) = (town.path("bank.json"), town.path("mine.json"));
    let with_env = |args: &str| {
        let mut command = command(args.split(' '));
        command.env("PASSBOOK_BANK", &bank).env("PASSBOOK_SESSION", &session);
        ran(command.env("PASSBOOK_BRANCH", "2").output().expect("started"))
    };
    assert_eq!(with_env("--json deposit 5").json()[0]["branch"], 2);
    assert!(session.exists());
    // A flag comes first.
    assert_eq!(with_env("--json query --branch 1").json()[0]["branch"], 1);
    let address = town.addresses[0].to_string();
    assert_eq!(
        with_env(&format!("--json query --branch {address}")).json()[0]["branch"],
        1
    );
    // A watch has no session, and does not mind that one is named for the other verbs.
    assert_eq!(with_env("watch --for 50ms").code, Some(0));
}

#[test]
fn people_are_told_which_branch_answered_in_the_place_of_another_and_why() {
    let bank = Bank::new(0);
    let addresses = vec![fake::closed(), bank.start(2), bank.start(3)];
    let town = Town::of(bank, addresses);
    // A dead address of the bank file.
    let ran = town.by_bank("deposit 5");
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        (
            "deposited 5, balance 5 (position 2)\n",
            "customer-cli: branch 1 cannot be reached; branch 2 answered\n"
        )
    );
    // Nobody at all: the error names one branch, and a line the others.
    let town = Town::of(Bank::new(0), vec![fake::closed(), fake::closed()]);
    let ran = town.by_bank("--timeout 300ms query --branch 2");
    assert!(
        ran.code == Some(1) && ran.stderr.contains("branch 2 (127.0.0.1:"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("no other branch served: branch 1 cannot be reached"),
        "{ran:?}"
    );
}

#[test]
fn a_branch_that_is_behind_or_silent_is_passed_over() {
    let town = Town::new(0, 3);
    assert_eq!(town.by_bank("deposit 5").code, Some(0));
    let behind = || town.bank.fault(3, [Fault::Behind { position: 1, needed: 2 }]);
    behind();
    let ran = town.by_bank("query --branch 3");
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        (
            "5\n",
            "customer-cli: branch 3 is behind (at 1, needs 2); branch 1 answered\n"
        )
    );
    behind();
    let ran = town.by_bank("--json query --branch 3");
    let line = &ran.json()[0];
    let passed_over = json!([{"branch": 3, "why": "is behind (at 1, needs 2)"}]);
    assert_eq!(
        (&line["asked"], &line["branch"], &line["passed_over"]),
        (&json!(3), &json!(1), &passed_over)
    );
    town.bank.fault(2, [Fault::Hang(true)]);
    let ran = town.by_bank("--timeout 6 deposit 1 --branch 2");
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str(), town.bank.balance("main")),
        (
            "deposited 1, balance 6 (position 3)\n",
            "customer-cli: branch 2 did not answer; branch 3 did\n",
            6
        )
    );
    // Asked for that branch alone, nobody else answers.
    behind();
    let ran = town.by_bank("query --branch 3 --no-failover");
    assert!(ran.code == Some(1) && ran.stderr.contains("is at 1"), "{ran:?}");
}

/// Runs at a terminal, and returns the first line that it prints there. Then the run is killed.
fn first_line_at_a_terminal(args: &[&str]) -> String {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let ours = openpt(flags).expect("a terminal");
    grantpt(&ours).expect("granted");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("UTF-8"))
        .expect("its other end");
    let mut child = command(args).stderr(theirs).spawn().expect("started");
    let mut line = String::new();
    let read = BufReader::new(File::from(ours)).read_line(&mut line);
    child.kill().expect("killed");
    child.wait().expect("ended");
    read.expect("a line");
    line.trim_end().to_owned()
}

#[test]
fn a_long_wait_is_told_at_a_terminal() {
    let town = Town::new(0, 1);
    let bank = town.path("bank.json").display().to_string();
    assert_eq!(town.by_bank("deposit 5").code, Some(0));
    town.bank.advance(1);
    town.bank.let_reads_wait();
    let patient = ["--bank", &bank, "--timeout", "60s"];
    let line = first_line_at_a_terminal(&[&patient[..], &["query"]].concat());
    assert_eq!(line, "customer-cli: waiting for branch 1 (at 1, needs 2)…");

    town.bank.fault(1, [Fault::Hang(false)]);
    let line = first_line_at_a_terminal(&[&patient[..], &["deposit", "1", "--no-session"]].concat());
    assert_eq!(line, "customer-cli: waiting for branch 1…");

    let address = fake::closed().to_string();
    let line = first_line_at_a_terminal(&["--branch", &address, "--timeout", "60s", "query"]);
    assert_eq!(line, format!("customer-cli: no answer from {address}, trying again…"));
}
