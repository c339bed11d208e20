//! `watch`: every entry once and in order, whatever the branch does meanwhile; and how it ends.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use common::fake::Fault;
use common::{Ran, Town, command, run};
use serde_json::Value;
use tonic::Code;

/// A line that has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// A watch at branch 2.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn new(town: &Town, args: &str) -> Self {
        let address = town.addresses[1].to_string();
        let shared = ["--branch", &address, "--timeout", "60s", "watch"];
        let mut child = command(shared.into_iter().chain(args.split_whitespace()))
            .spawn()
            .expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let _ = sender.send(line.expect("UTF-8"));
            }
        });
        Watch { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    fn position(&self) -> u64 {
        let line: Value = serde_json::from_str(&self.line()).expect("JSON");
        line["position"].as_u64().expect("a position")
    }

    /// Ctrl-C; what it said on stderr. There was nothing more on stdout.
    fn interrupted(self) -> String {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(sent.success());
        let output = self.child.wait_with_output().expect("ended");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(self.lines.try_iter().collect::<Vec<_>>(), [""; 0]);
        String::from_utf8(output.stderr).expect("UTF-8")
    }
}

/// A town of two branches whose reads wait, with so many deposits.
fn town(deposits: usize) -> Town {
    let town = Town::new(0, 2);
    town.bank.let_reads_wait();
    town.bank.deposit(deposits);
    town
}

#[test]
fn entries_are_shown_once_and_in_order_though_the_branch_goes_away() {
    let town = town(4);
    let watch = Watch::new(&town, "--json --limit 2");
    assert_eq!((watch.position(), watch.position()), (4, 5));
    town.bank.deposit(1);
    assert_eq!(watch.position(), 6);
    // Another account moves the position, and is no news.
    assert_eq!(town.at(1, "open rent").code, Some(0));
    town.bank.fault(
        2,
        [
            Fault::Fail(Code::Unavailable, None),
            Fault::Fail(Code::Unavailable, None),
        ],
    );
    town.bank.deposit(1);
    assert_eq!(watch.position(), 8);
    town.bank.deposit(2);
    assert_eq!((watch.position(), watch.position()), (9, 10));
    town.bank.deposit(1);
    assert_eq!(watch.position(), 11);
    let said = watch.interrupted();
    assert_eq!(said.matches("waiting for it to come back").count(), 1, "{said}");
    assert_eq!(said.matches("it answers again").count(), 1, "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn however_many_came_at_once_none_is_missed() {
    let town = town(3);
    let watch = Watch::new(&town, "main --limit 0 --json");
    // It is there once it waits.
    while !town.bank.calls().iter().any(|call| call.min_position == 5) {
        std::thread::yield_now();
    }
    let mut next = 5;
    for count in [1, 63, 64, 65, 500] {
        town.bank.deposit(count);
        for _ in 0..count {
            assert_eq!(watch.position(), next);
            next += 1;
        }
    }
    assert_eq!(watch.interrupted(), "");
}

#[test]
fn people_are_shown_columns_and_the_end_comes_by_itself_where_it_was_asked_for() {
    let town = town(1);
    let address = town.addresses[1].to_string();
    let ran = run(["--branch", &address, "watch", "--for", "100ms"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].contains("position") && lines[1].contains("deposit"),
        "{ran:?}"
    );
}

#[test]
fn what_no_waiting_mends_ends_it() {
    let town = town(1);
    town.bank.fault(2, [Fault::Fail(Code::NotFound, None)]);
    let address = town.addresses[1].to_string();
    let watch = |args: &[&str]| -> Ran { run([&["--branch", &address, "watch"], args].concat()) };
    let ran = watch(&["rent", "--json"]);
    assert_eq!(
        (ran.code, ran.json()[0]["outcome"].as_str()),
        (Some(3), Some("failed")),
        "{ran:?}"
    );
    for (args, expected) in [
        (&["--level", "strong"][..], "unexpected argument '--level'"),
        (
            &["--request-id", "0190a5d0-0000-7000-8000-000000000001"],
            "unexpected argument '--request-id'",
        ),
        (&["--limit", "-1"], "is not a number of entries, 0 or more"),
        (&["--for", "25h"], "give 1ms to 24h"),
        (&["rent", "--account", "main"], "cannot be used with"),
        (&["a/b"], "is not an account name"),
    ] {
        let ran = watch(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{args:?}: {ran:?}");
    }
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let town = town(1);
    let mut watch = Watch::new(&town, "--json");
    assert_eq!(watch.position(), 2);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let address = town.addresses[1].to_string();
    let mut deaf = command(["--branch", &address, "watch"])
        .stdout(writer)
        .spawn()
        .expect("started");
    drop(reader);
    town.bank.deposit(1);
    assert_eq!(watch.position(), 3);
    assert_eq!(deaf.wait().expect("ended").code(), Some(0));
    assert_eq!(watch.child.try_wait().expect("a child"), None);
    watch.interrupted();
}
