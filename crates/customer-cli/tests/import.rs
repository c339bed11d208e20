//! Imports of files and of stdin by the real program against a fake bank.

mod common;

use std::fmt::Write as _;
use std::path::PathBuf;

use common::fake::Fault;
use common::{Ran, Town, command, ran, run, run_with_stdin};
use serde_json::json;
use tonic::Code;

const PAYMENTS: &str = "type,account,amount,to\nopen,rent,,\ndeposit,,400,\n\ntransfer,main,25,rent\nwithdraw,rent,26,\ndeposit,nobody,1,\n";

/// Writes a file into the directory of the town.
fn file(town: &Town, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = town.path(name);
    std::fs::write(&path, content).expect("written");
    path
}

/// Deposits of 1 to `main` in CSV.
fn deposits(count: usize) -> String {
    (0..count).fold("type,amount\n".to_owned(), |mut text, _| {
        let _ = writeln!(text, "deposit,1");
        text
    })
}

fn import(town: &Town, args: &[&str], file: &std::path::Path) -> Ran {
    let bank = town.path("bank.json");
    let args = args.iter().map(AsRef::as_ref);
    run(
        ["--bank".as_ref(), bank.as_os_str(), "import".as_ref(), file.as_os_str()]
            .into_iter()
            .chain(args),
    )
}

#[test]
fn an_import_does_its_writes_in_order_and_lists_its_refusals() {
    let town = Town::new(0, 2);
    let path = file(&town, "p.csv", PAYMENTS);
    let ran = import(&town, &[], &path);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(
        lines[0].contains("imported 5 writes") && lines[0].contains("3 accepted, 2 refused (position 6)"),
        "{ran:?}"
    );
    assert_eq!(
        lines[1..],
        [
            "line  write                       refused because",
            "   6  withdrawal of 26 from rent  the account holds 25",
            "   7  deposit of 1 to nobody      the account holds 0",
        ]
    );
    assert_eq!((town.bank.balance("main"), town.bank.balance("rent")), (375, 25));
    // Once more, it does nothing and says the same.
    let again = import(&town, &["--json"], &path);
    assert_eq!(again.code, Some(3), "{again:?}");
    assert!(again.stderr.contains("was imported before"), "{again:?}");
    let lines = again.json();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (
            &lines[0]["line"],
            &lines[0]["outcome"],
            &lines[0]["reason"],
            &lines[0]["balance"]
        ),
        (&json!(6), &json!("refused"), &json!("insufficient-funds"), &json!(25))
    );
    assert_eq!(
        (&lines[2]["outcome"], &lines[2]["settled"], &lines[2]["accepted"]),
        (&json!("refused"), &json!(5), &json!(3))
    );
    assert_eq!(town.bank.balance("main"), 375);
    // The session has seen its writes.
    let session = std::fs::read(town.path("bank.session.json")).expect("a session");
    let session: serde_json::Value = serde_json::from_slice(&session).expect("JSON");
    assert_eq!(session["write_position"], 6);
}

#[test]
fn json_lines_say_the_same_as_csv() {
    let town = Town::new(0, 1);
    let lines = [
        r#"{"interface":"open","account":"rent"}"#,
        r#"{"interface":"deposit","money":400}"#,
        "",
        r#"{"interface":"transfer","account":"main","money":25,"to":"rent"}"#,
        r#"{"interface":"withdraw","account":"rent","money":25}"#,
    ];
    let path = file(&town, "p.jsonl", lines.join("\r\n"));
    let ran = import(&town, &[], &path);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((town.bank.balance("main"), town.bank.balance("rent")), (375, 0));
}

#[test]
fn a_wrong_file_is_refused_with_its_lines_and_nothing_is_sent() {
    let town = Town::new(0, 1);
    let long = format!("type,amount\ndeposit,1\ndeposit,\"{}", "deposit,1\n".repeat(20_000));
    // (name, content, what is told)
    let table: [(&str, &[u8], &[&str]); 15] = [
        ("a.csv", b"", &["line 1: the header has no column type"]),
        (
            "b.csv",
            b"deposit,main,1\n",
            &["line 1: column 1: \"deposit\" is none of type, account, amount, to"],
        ),
        ("c.csv", b"type,type\n", &["line 1: column 2: type is there twice"]),
        (
            "d.csv",
            b"type,account,amount,to\ndeposit,main,1,\nnothing,main,1,\ndeposit,main,1.5,\nwithdraw,a b,1,\n",
            &[
                "line 3: type: \"nothing\"",
                "line 4: amount: \"1.5\" is not an amount",
                "line 5: account: \"a b\"",
            ],
        ),
        (
            "e.csv",
            b"type,amount,to\ntransfer,1,\ntransfer,1,main\ndeposit,1,main\n",
            &[
                "line 2: to: it is missing",
                "line 3: to: main cannot pay itself",
                "line 4: to: only a transfer",
            ],
        ),
        (
            "f.csv",
            b"type,account,amount\nopen,,\nopen,a,1\ndeposit,a,\n",
            &[
                "line 2: account: it is missing",
                "line 3: amount: an account opens with 0",
                "line 4: amount: it is missing",
            ],
        ),
        (
            "g.csv",
            b"type,amount\ndeposit,1,2\ndeposit,x\n",
            &["line 2: it has 3 fields, and the header has 2", "line 3: amount"],
        ),
        (
            "h.csv",
            b"type,account,amount\ndeposit,\xff,1\n",
            &["line 2: column 2: it is not UTF-8"],
        ),
        ("i.csv", long.as_bytes(), &["is a quotation mark not closed?"]),
        (
            "a.jsonl",
            b"{\"interface\":\"deposit\",\"money\":1}\n7\n",
            &["line 2: "],
        ),
        (
            "b.jsonl",
            b"{\"interface\":\"deposit\",\"money\":\"1\"}\n",
            &["line 1: money: "],
        ),
        (
            "c.jsonl",
            b"{\"interface\":\"deposit\",\"money\":1,\"branch\":2}\n",
            &["line 1: column", "unknown field `branch`"],
        ),
        (
            "d.jsonl",
            b"{\"interface\":7,\"money\":1}\n",
            &["line 1: interface: 7 is not a text"],
        ),
        ("a.txt", b"", &["the format of", "--format csv"]),
        ("missing.csv", b"", &["cannot open it"]),
    ];
    for (name, content, told) in table {
        let path = file(&town, name, content);
        if name == "missing.csv" {
            std::fs::remove_file(&path).expect("removed");
        }
        let ran = import(&town, &[], &path);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{name}: {ran:?}");
        for part in told {
            assert!(ran.stderr.contains(part), "{name}: {part}: {ran:?}");
        }
        assert!(!town.path(&format!("{name}.import.json")).exists(), "{name}");
    }
    assert_eq!(town.bank.calls(), []);
}

#[cfg(unix)]
#[test]
fn an_import_that_is_killed_goes_on_and_doubles_nothing() {
    let town = Town::new(0, 1);
    let path = file(&town, "p.csv", deposits(1000));
    // The second group is applied and never answered.
    town.bank.fault(1, [Fault::Hang(true)]);
    let bank = town.path("bank.json");
    let args = [
        "--bank".as_ref(),
        bank.as_os_str(),
        "import".as_ref(),
        path.as_os_str(),
        "--timeout".as_ref(),
        "60s".as_ref(),
    ];
    let mut child = command(args).spawn().expect("started");
    while town.bank.balance("main") < 200 {
        std::thread::yield_now();
    }
    // Meanwhile no other import of the file begins.
    let other = town.path("other.json");
    let second = import(&town, &["--session", &other.display().to_string()], &path);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(
        second.stderr.contains("another import of this file is under way"),
        "{second:?}"
    );
    child.kill().expect("killed");
    ran(child.wait_with_output().expect("ended"));
    assert_eq!(town.bank.balance("main"), 200);

    let ran = import(&town, &[], &path);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("1000 accepted, 0 refused"), "{ran:?}");
    assert_eq!(town.bank.balance("main"), 1000);
}

#[test]
fn an_import_that_stops_says_what_is_known_and_goes_on() {
    for (fault, code, told) in [
        (
            Fault::Fail(Code::FailedPrecondition, Some("not-applied")),
            3,
            "no further write was applied",
        ),
        (
            Fault::FailAfter(Code::Unimplemented),
            5,
            "it is unknown whether the next 100 writes were applied",
        ),
    ] {
        let town = Town::new(0, 1);
        let path = file(&town, "p.csv", deposits(350));
        town.bank.fault(1, [fault]);
        let stopped = import(&town, &["--json"], &path);
        assert_eq!(stopped.code, Some(code), "{stopped:?}");
        assert!(
            stopped.stderr.contains("stopped after 100 writes") && stopped.stderr.contains(told),
            "{stopped:?}"
        );
        assert_eq!(stopped.json()[0]["settled"], 100);
        let ran = import(&town, &[], &path);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("goes on with its import"), "{ran:?}");
        assert_eq!(town.bank.balance("main"), 350);
        // A file that changes after its import is no part of that import.
        file(&town, "p.csv", deposits(351));
        let changed = import(&town, &[], &path);
        assert_eq!(changed.code, Some(2), "{changed:?}");
        assert!(
            changed.stderr.contains("has changed since its import began"),
            "{changed:?}"
        );
        assert_eq!(town.bank.balance("main"), 350);
    }
}

#[test]
fn stdin_is_checked_as_it_comes_and_goes_on_under_its_id() {
    let town = Town::new(0, 1);
    let bank = town.path("bank.json").display().to_string();
    let args = ["--bank", &bank, "import", "-", "--format", "csv"];
    let ran = run_with_stdin(args, b"type,amount\ndeposit,1\ndeposit,2\ndeposit,x\n");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("line 4: amount") && ran.stderr.contains("the 2 writes before it are imported"),
        "{ran:?}"
    );
    assert_eq!(town.bank.balance("main"), 3);
    let id = ran
        .stderr
        .split("--import-id ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("an id");
    let again = run_with_stdin(
        args.into_iter().chain(["--import-id", id]),
        b"type,amount\ndeposit,1\ndeposit,2\ndeposit,3\n",
    );
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(town.bank.balance("main"), 6);
    // A line that differs from the one of that id is not applied.
    let other = run_with_stdin(args.into_iter().chain(["--import-id", id]), b"type,amount\ndeposit,7\n");
    assert_eq!(other.code, Some(4), "{other:?}");
    assert!(
        other.stdout.contains("its request id was used for another write"),
        "{other:?}"
    );
    assert_eq!(town.bank.balance("main"), 6);
    for wrong in [
        &["--bank", &bank, "import", "-"][..],
        &["--bank", &bank, "import", "p.csv", "--import-id", id],
    ] {
        assert_eq!(run(wrong).code, Some(2), "{wrong:?}");
    }
}
