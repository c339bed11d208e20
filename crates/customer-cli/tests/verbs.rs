//! The verbs as people type them: what is printed, the exit codes, and the session from run to run.

mod common;

use common::fake::{self, Fault};
use common::{Town, command, run};
use serde_json::json;
use tonic::Code;
use uuid::Uuid;

#[test]
fn a_session_file_carries_the_deposit_to_another_branch() {
    let town = Town::new(0, 3);
    let ran = town.at(1, "deposit 100");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "deposited 100, balance 100 (position 2)\n")
    );
    let ran = town.at(3, "query");
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "100\n", "")
    );
    let calls = town.bank.calls();
    assert_eq!((calls[1].branch, calls[1].min_position), (3, 2));
    let expected =
        json!({"version": 1, "bank_id": town.bank.id, "read_position": 2, "write_position": 2, "pending": null});
    assert_eq!(town.session(), expected);
    let ran = town.at(2, "--json query --level strong");
    let line = json!({"outcome": "answered", "account": "main", "balance": 100, "position": 2, "branch": 2,
        "bank_id": town.bank.id, "level": "strong", "waited_us": 7, "attempts": 1});
    assert_eq!(ran.json(), [line]);
    assert!(town.bank.calls()[2].linearizable);
    assert_eq!(town.at(2, "query -v").stdout, "100\n");
}

#[test]
fn every_write_says_what_it_did() {
    let town = Town::new(100, 1);
    let table = [
        ("open rent", 0, "opened rent (position 2)\n"),
        (
            "transfer 30 --to rent",
            0,
            "transferred 30 to rent, balance 70 (position 3)\n",
        ),
        (
            "withdraw 10 --account rent",
            0,
            "withdrew 10, balance 20 (position 4)\n",
        ),
        ("withdraw 71", 3, "refused: the account holds 70 (position 5)\n"),
        (
            "deposit 9223372036854775807",
            3,
            "refused: the account holds 70 (position 6)\n",
        ),
        ("open rent", 3, "refused: the account holds 0 (position 7)\n"),
    ];
    for (args, code, stdout) in table {
        let ran = town.at(1, args);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(code), stdout, ""),
            "{args}"
        );
    }
    let line = &town.at(1, "withdraw 71 --json").json()[0];
    assert_eq!(
        (&line["outcome"], &line["reason"]),
        (&json!("refused"), &json!("insufficient-funds"))
    );
    let stdout = town.at(1, "accounts").stdout;
    assert_eq!(stdout, "account  balance\nmain          70\nrent          20\n");
    let lines = town.at(1, "accounts --json").json();
    assert_eq!(
        (&lines[1]["account"], &lines[1]["balance"], lines.len()),
        (&json!("rent"), &json!(20), 2)
    );
    let stdout = town.at(1, "statement rent").stdout;
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains("2026-") && lines[1].contains("withdraw"), "{stdout}");
    let lines = town.at(1, "statement --account rent --limit 1 --json").json();
    assert_eq!(
        (&lines[0]["kind"], &lines[0]["balance"], lines.len()),
        (&json!("withdraw"), &json!(20), 1)
    );
    assert_eq!(town.at(1, "query --account nobody").code, Some(3));
}

#[test]
fn wrong_amounts_and_arguments_are_refused_and_nothing_is_sent() {
    let town = Town::new(5, 1);
    let digits = "9".repeat(400);
    let amounts = [
        "0",
        "-1",
        "-0",
        "1.0",
        "-1.0",
        "1e3",
        "NaN",
        "Infinity",
        "\"5\"",
        "+5",
        "1_000",
        "",
        "9223372036854775808",
    ];
    for amount in amounts.into_iter().chain([digits.as_str()]) {
        for verb in ["deposit", "withdraw", "transfer --to rent"] {
            let ran = town.at(1, &format!("{verb} {amount}"));
            assert_eq!(
                (ran.code, ran.stdout.as_str()),
                (Some(2), ""),
                "{verb} {amount}: {ran:?}"
            );
            assert!(ran.stderr.contains("is not an amount"), "{ran:?}");
        }
    }
    let table = [
        ("deposit -5", "it is not positive"),
        ("deposit --amount=-5", "unexpected argument '--amount'"),
        ("deposit", "required arguments were not provided"),
        ("query --account a/b", "is not an account name"),
        ("open ../x", "is not an account name"),
        ("transfer 5 --to main", "main cannot pay itself"),
        (
            "query --level weak",
            "--level: \"weak\" is none of eventual, read-your-writes",
        ),
        (
            "deposit 5 --propagation some",
            "--propagation: \"some\" is none of quorum, all",
        ),
        ("query --timeout 61", "is not a timeout"),
        ("query --timeout 61s", "is not a timeout"),
        ("deposit 5 --request-id 7", "is not a request id"),
        (
            "query --request-id 0190a5d0-0000-7000-8000-000000000001",
            "unexpected argument '--request-id'",
        ),
        ("statement --limit 0", "is not a number of entries"),
        ("statement --limit -1", "is not a number of entries"),
        ("accounts --account rent", "unexpected argument '--account'"),
        ("query rent --account main", "cannot be used with"),
        ("deposit 5 --level strong", "unexpected argument '--level'"),
        ("steal", "unrecognized subcommand"),
    ];
    for (args, expected) in table {
        let ran = town.at(1, args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{args}: {ran:?}");
    }
    assert_eq!(town.bank.calls(), []);
    assert!(!town.path("s.json").exists());
}

#[test]
fn the_branch_is_named_by_address_or_by_number() {
    let town = Town::new(5, 2);
    let bank = town.path("bank.json").display().to_string();
    let second = town.addresses[1].to_string();
    for (args, served) in [(&["--branch", "2"][..], 2), (&[], 1)] {
        let ran = run([&["query", "--json", "--bank", &bank], args].concat());
        assert_eq!(
            (ran.code, &ran.json()[0]["branch"]),
            (Some(0), &json!(served)),
            "{ran:?}"
        );
    }
    let table = [
        (
            &["query", "--branch", "2"][..],
            "2 is a number, and there is no bank file in outputs/bank",
        ),
        (&["query", "--branch", "localhost"], "it has no port"),
        (&["query", "--branch", ""], "is not an address"),
        (
            &["query", "--branch", "9", "--bank", &bank],
            "the bank has no branch 9; it has 1, 2",
        ),
        (
            &["query", "--branch", "h:1", "--bank", &bank],
            "the bank file names no branch at \"h:1\"",
        ),
        (
            &["query", "--branch", &second, "--bank", &bank],
            "is branch 2 of the bank file; give its number: 2",
        ),
        (
            &["query", "--bank", "/dev/zero"],
            "bank file /dev/zero: cannot read it: it is not a regular file",
        ),
        (&["query", "--bank", "none.json"], "bank file none.json: cannot read it"),
        (&["replay", "--branch", "h:1"], "replay needs the bank file"),
    ];
    for (args, expected) in table {
        let ran = run(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains(expected), "{args:?}: {ran:?}");
    }
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf_8_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    for args in [
        &[&b"deposit"[..], b"\xff"][..],
        &[b"query", b"--account", b"\xff"],
        &[b"\xff"],
    ] {
        assert_eq!(
            run(args.iter().map(|arg| std::ffi::OsStr::from_bytes(arg))).code,
            Some(2)
        );
    }
}

#[test]
fn three_outcomes_have_three_codes_and_a_rerun_settles_the_unknown_one() {
    let town = Town::new(0, 1);
    town.bank
        .fault(1, [Fault::Fail(Code::InvalidArgument, Some("not-applied"))]);
    assert_eq!(town.at(1, "deposit 5").code, Some(2));
    for (code, exit) in [(Code::OutOfRange, 4), (Code::PermissionDenied, 3)] {
        town.bank.fault(1, [Fault::Fail(code, Some("not-applied"))]);
        assert_eq!(town.at(1, "deposit 5").code, Some(exit), "{code:?}");
    }
    assert!(town.session()["pending"].is_null());
    town.bank.fault(1, [Fault::FailAfter(Code::PermissionDenied)]);
    let ran = town.at(1, "deposit 5 --json");
    let line = &ran.json()[0];
    assert_eq!((ran.code, &line["outcome"]), (Some(5), &json!("unknown")));
    let id = &line["request_id"];
    assert!(ran.stderr.contains("unknown whether it was applied"), "{ran:?}");
    let action = json!({"deposit": {"account": "main", "amount": 5}});
    let pending = json!({"request_id": id, "action": action, "propagation": "quorum"});
    assert_eq!(town.session()["pending"], pending);
    // The very same command is that write, and is not sent a second time.
    let ran = town.at(1, "deposit 5 --json");
    let line = &ran.json()[0];
    assert_eq!(
        (ran.code, &line["request_id"], &line["settled"], &line["repeated"]),
        (Some(0), id, &json!(true), &json!(true))
    );
    assert!(
        ran.stderr.contains("this settled the earlier deposit of 5 to main"),
        "{ran:?}"
    );
    assert_eq!(town.bank.balance("main"), 5);
    // Once more, it is a new one.
    assert_eq!(town.at(1, "deposit 5").stdout, "deposited 5, balance 10 (position 3)\n");
    assert_eq!(town.bank.balance("main"), 10);
}

#[test]
fn another_command_settles_the_pending_write_first() {
    let town = Town::new(0, 1);
    let lost = || town.bank.fault(1, [Fault::Fail(Code::PermissionDenied, None)]);
    lost();
    assert_eq!(town.at(1, "deposit 5").code, Some(5));
    let ran = town.at(1, "withdraw 2");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "withdrew 2, balance 3 (position 3)\n")
    );
    assert!(
        ran.stderr
            .contains("the earlier deposit of 5 to main, whose outcome was unknown, is accepted"),
        "{ran:?}"
    );
    // While it stays unknown, no other write is sent, but reads are.
    lost();
    assert_eq!(town.at(1, "withdraw 1").code, Some(5));
    let pending = town.session()["pending"].clone();
    lost();
    let ran = town.at(1, "deposit 7 --json");
    assert_eq!(
        (ran.code, &ran.json()[0]["outcome"]),
        (Some(4), &json!("not-applied")),
        "{ran:?}"
    );
    lost();
    let ran = town.at(1, "query");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "3\n"));
    assert!(ran.stderr.contains("is still unknown"), "{ran:?}");
    assert_eq!(town.session()["pending"], pending);
    // One attempt that was not applied says nothing of the first.
    town.bank
        .fault(1, [Fault::Fail(Code::PermissionDenied, Some("not-applied"))]);
    assert_eq!(town.at(1, "withdraw 1").code, Some(5));
    // Its id under another action is a mistake.
    let id = pending["request_id"].as_str().expect("a text");
    let ran = town.at(1, &format!("deposit 9 --request-id {id}"));
    assert!(
        ran.code == Some(2) && ran.stderr.contains("its request id is that of the earlier"),
        "{ran:?}"
    );
    // Under an id of its own, the same command is another write.
    let ran = town.at(1, &format!("withdraw 1 --request-id {}", Uuid::now_v7()));
    assert_eq!((ran.code, town.bank.balance("main")), (Some(0), 1), "{ran:?}");
}

#[test]
fn a_crash_between_saving_and_hearing_settles_at_the_next_run() {
    let town = Town::new(0, 1);
    town.bank.fault(1, [Fault::Hang(true)]);
    let address = town.addresses[0].to_string();
    let session = town.path("s.json");
    let args = [
        "--branch".as_ref(),
        address.as_ref(),
        "deposit".as_ref(),
        "5".as_ref(),
        "--session".as_ref(),
        session.as_os_str(),
    ];
    let mut child = command(args).spawn().expect("started");
    // The branch has the call, so the file has the write.
    while town.bank.calls().is_empty() {
        std::thread::yield_now();
    }
    assert!(town.session()["pending"].is_object());
    // Meanwhile nobody else uses the session.
    let ran = town.at(1, "deposit 6 --timeout 50ms");
    assert_eq!(ran.code, Some(4));
    assert!(
        ran.stderr.contains(&format!("in use by process {}", child.id())),
        "{ran:?}"
    );
    child.kill().expect("killed");
    child.wait().expect("ended");
    let ran = town.at(1, "query");
    assert_eq!(
        (ran.stdout.as_str(), ran.code, town.bank.balance("main")),
        ("5\n", Some(0), 5)
    );
    assert!(ran.stderr.contains("is accepted, at position 2"), "{ran:?}");
    assert!(town.session()["pending"].is_null());
}

#[test]
fn the_first_outcome_of_a_request_id_is_returned_again() {
    let town = Town::new(0, 2);
    let id = Uuid::now_v7();
    for (branch, repeated) in [(1, false), (2, true)] {
        let line = &town.at(branch, &format!("deposit 5 --json --request-id {id}")).json()[0];
        assert_eq!((&line["balance"], &line["repeated"]), (&json!(5), &json!(repeated)));
    }
    let ran = town.at(1, &format!("deposit 6 --request-id {id}"));
    assert_eq!((ran.code, town.bank.balance("main")), (Some(4), 5));
    assert!(
        ran.stderr.contains("knows the request id from another write"),
        "{ran:?}"
    );
}

#[test]
fn nobody_there_is_not_applied_and_no_answer_is_unknown() {
    let town = Town::of(common::fake::Bank::new(0), vec![fake::closed(), fake::rude()]);
    let ran = town.at(1, "deposit 5 --timeout 300ms");
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("cannot be reached: Connection refused"), "{ran:?}");
    assert_eq!(town.at(1, "query --timeout 300ms").code, Some(1));
    assert_eq!(town.at(2, "deposit 5 --timeout 300ms").code, Some(5));
}

#[test]
fn a_branch_that_is_behind_is_named_with_what_is_needed() {
    let town = Town::new(0, 1);
    town.bank.advance(814);
    assert_eq!(town.at(1, "deposit 1").code, Some(0));
    town.bank.advance(812);
    let ran = town.at(1, "query --json");
    assert_eq!((ran.code, &ran.json()[0]["outcome"]), (Some(1), &json!("failed")));
    assert!(
        ran.stderr
            .contains("is at 812, the session needs 815; try another branch or a longer --timeout"),
        "{ran:?}"
    );
    assert_eq!(town.at(1, "query --level eventual").stdout, "1\n");
}

#[test]
fn a_write_that_some_branch_has_not_confirmed_is_done_with_a_warning() {
    let town = Town::new(0, 1);
    town.bank.fault(1, [Fault::Missing(vec![3])]);
    let ran = town.at(1, "deposit 5 --propagation all --json");
    assert_eq!((ran.code, &ran.json()[0]["missing_branches"]), (Some(0), &json!([3])));
    assert!(
        ran.stderr
            .contains("committed at position 2, but branch 3 has not confirmed it"),
        "{ran:?}"
    );
    assert_eq!(town.bank.calls()[0].propagation, 2);
}

#[test]
fn a_session_of_another_bank_or_a_damaged_one_is_refused() {
    let town = Town::new(0, 1);
    let session =
        json!({"version": 1, "bank_id": Uuid::now_v7(), "read_position": 4, "write_position": 9, "pending": null});
    std::fs::write(town.path("s.json"), session.to_string()).expect("written");
    for args in ["query", "deposit 5"] {
        let ran = town.at(1, args);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.stderr.contains("this is bank"), "{ran:?}");
    }
    let bank = town.path("bank.json").display().to_string();
    let ran = run([
        "query",
        "--bank",
        &bank,
        "--session",
        &town.path("s.json").display().to_string(),
    ]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("but the bank file is of bank"),
        "{ran:?}"
    );
    std::fs::write(town.path("s.json"), "{\"version\":1").expect("written");
    for args in ["query", "deposit 5"] {
        let ran = town.at(1, args);
        assert!(ran.code == Some(2) && ran.stderr.contains("it is damaged"), "{ran:?}");
    }
    assert_eq!(town.bank.balance("main"), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn stdout_that_is_closed_or_full_does_no_harm() {
    let town = Town::new(7, 1);
    let address = town.addresses[0].to_string();
    for verb in [
        &["query"][..],
        &["accounts"],
        &["statement"],
        &["deposit", "1"],
        &["completions", "bash"],
    ] {
        let args = || {
            ["--branch", &address, "--no-session"]
                .into_iter()
                .chain(verb.iter().copied())
        };
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(args()).stdout(writer).output().expect("ran");
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), &b""[..]),
            "{verb:?}"
        );
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("a full disk");
        let output = command(args()).stdout(full).output().expect("ran");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {stderr}");
        assert!(
            stderr.contains("cannot write to stdout: No space left"),
            "{verb:?}: {stderr}"
        );
    }
}

#[test]
fn every_verb_has_help_with_examples() {
    for verb in [
        "query",
        "deposit",
        "withdraw",
        "transfer",
        "open",
        "accounts",
        "statement",
        "watch",
        "replay",
        "session",
        "completions",
        "version",
    ] {
        let ran = run([verb, "--help"]);
        assert!(ran.code == Some(0) && ran.stdout.contains("Example"), "{ran:?}");
        // Each example is the verb's own, on one line of a narrow terminal.
        let examples: Vec<_> = ran
            .stdout
            .lines()
            .filter(|line| line.starts_with("  customer-cli "))
            .collect();
        assert!(!examples.is_empty(), "{ran:?}");
        for example in examples {
            assert!(example.contains(verb) && example.len() <= 80, "{example}");
        }
    }
    let help = run(["query", "--help"]).stdout;
    assert!(help.contains("--level"), "{help}");
    for foreign in ["--propagation", "--request-id", "--limit", "--for"] {
        assert!(!help.contains(foreign), "{help}");
    }
    let help = run(["version", "--help"]).stdout;
    assert!(!help.contains("--bank"), "{help}");
    let version = run(["--version"]).stdout;
    assert_eq!(version, run(["version"]).stdout);
    for part in [
        "customer-cli 0.",
        "(commit ",
        "session file 1, bank file 1, protocol bank.v1",
    ] {
        assert!(version.contains(part), "{version}");
    }
    assert!(run(["--help"]).stdout.contains("4 not applied, 5 unknown"));
    assert!(run(["completions", "zsh"]).stdout.starts_with("#compdef customer-cli"));
}
