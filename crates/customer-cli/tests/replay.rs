//! A list of events as one customer: one line each, and what stops a replay.

mod common;

use common::fake::{self, Bank, Fault};
use common::{Town, command};
use serde_json::{Value, json};
use tonic::Code;

const EVENTS: &str = r#"[
    {"id":1,"interface":"deposit","branch":1,"money":400},
    {"id":2,"interface":"query","branch":2},
    {"id":"x","interface":"withdraw","branch":2,"money":500},
    {"interface":"withdraw","branch":2,"money":100},
    {"id":5,"interface":"query","branch":1,"level":"strong","money":9}
]"#;

fn outcomes(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["outcome"].as_str().expect("a text"))
        .collect()
}

#[test]
fn each_event_has_its_line_in_order() {
    let town = Town::new(0, 2);
    let ran = town.replay(&["--level", "read-your-writes"], EVENTS);
    let mut lines = ran.json();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut before = 0;
    for line in &mut lines {
        let object = line.as_object_mut().expect("an object");
        let (invoked, completed) = (object.remove("invoked_us"), object.remove("completed_us"));
        let time = |value: Option<Value>| value.and_then(|value| value.as_u64()).expect("microseconds");
        let (invoked, completed) = (time(invoked), time(completed));
        assert!(before <= invoked && invoked <= completed);
        before = completed;
        assert_eq!(object.remove("bank_id"), Some(json!(town.bank.id)));
        let id = object.remove("request_id");
        assert_eq!(id.is_some(), object["interface"] != "query");
    }
    let level = "read-your-writes";
    let expected = [
        json!({"seq":0,"id":1,"interface":"deposit","branch":1,"account":"main","result":"success","outcome":"accepted",
            "propagation":"quorum","balance":400,"position":2,"served_by":1,"level":level,"waited_us":0,"attempts":1}),
        json!({"seq":1,"id":2,"interface":"query","branch":2,"account":"main","outcome":"answered",
            "balance":400,"position":2,"served_by":2,"level":level,"waited_us":7,"attempts":1}),
        json!({"seq":2,"id":"x","interface":"withdraw","branch":2,"account":"main","result":"fail","outcome":"refused",
            "propagation":"quorum","balance":400,"position":3,"served_by":2,"level":level,"waited_us":0,"attempts":1,
            "reason":"insufficient-funds","error":"the account holds 400"}),
        json!({"seq":3,"interface":"withdraw","branch":2,"account":"main","result":"success","outcome":"accepted",
            "propagation":"quorum","balance":300,"position":4,"served_by":2,"level":level,"waited_us":0,"attempts":1}),
        json!({"seq":4,"id":5,"interface":"query","branch":1,"account":"main","outcome":"answered",
            "balance":300,"position":4,"served_by":1,"level":"strong","waited_us":7,"attempts":1}),
    ];
    assert_eq!(lines, expected);
    let minima: Vec<_> = town
        .bank
        .calls()
        .iter()
        .map(|call| (call.min_position, call.linearizable))
        .collect();
    assert_eq!(minima, [(0, false), (2, false), (0, false), (0, false), (4, true)]);
}

#[test]
fn wrong_input_is_refused_before_anything_is_sent() {
    let town = Town::new(0, 2);
    let table = [
        (
            EVENTS.replace("\"withdraw\"", "\"steal\""),
            "stdin: line 4: interface: \"steal\"",
        ),
        (
            EVENTS.replace("400", "1.0"),
            "stdin: line 2: money: \"1.0\" is not an amount",
        ),
        (
            EVENTS.replace("\"branch\":2,\"money\":100", "\"branch\":3,\"money\":100"),
            "stdin: line 5: branch: the bank has no",
        ),
        (
            EVENTS.replace(']', ", \"deposit 5\"]"),
            "line 7: \"\\\"deposit 5\\\"\" is no event; give a JSON array of events",
        ),
        ("deposit 5".to_owned(), "line 1: \"deposit 5\" is no event"),
        (EVENTS.replace("]", ""), "stdin: line 7: EOF"),
        (format!("{EVENTS}]"), "trailing characters"),
    ];
    for (events, expected) in table {
        let ran = town.replay(&[], &events);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{expected}: {ran:?}");
    }
    assert_eq!(town.bank.calls(), []);
    let ran = town.replay(&[], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
}

#[test]
fn a_replay_goes_on_after_a_failed_read_and_a_write_that_was_not_applied() {
    let town = Town::new(0, 2);
    town.bank.fault(2, [Fault::Fail(Code::PermissionDenied, None)]);
    let ran = town.replay(&[], EVENTS);
    assert_eq!(
        outcomes(&ran.json()),
        ["accepted", "failed", "refused", "accepted", "answered"]
    );
    assert_eq!(ran.code, Some(1));
    town.bank
        .fault(1, [Fault::Fail(Code::PermissionDenied, Some("not-applied"))]);
    let ran = town.replay(&[], EVENTS);
    let lines = ran.json();
    assert_eq!(
        outcomes(&lines),
        ["not-applied", "answered", "refused", "accepted", "answered"]
    );
    assert_eq!((ran.code, &lines[0]["result"]), (Some(4), &json!("fail")));
    assert!(
        lines[0]["error"].as_str().expect("a text").starts_with("not applied: "),
        "{ran:?}"
    );
}

#[test]
fn a_replay_stops_at_an_unknown_write_and_the_session_settles_it() {
    let town = Town::new(0, 2);
    town.bank
        .fault(2, [Fault::Position(2), Fault::FailAfter(Code::PermissionDenied)]);
    let session = town.path("s.json").display().to_string();
    let events = EVENTS.replace("500", "50");
    let ran = town.replay(&["--session", &session], &events);
    let lines = ran.json();
    assert_eq!(
        outcomes(&lines),
        ["accepted", "answered", "unknown", "not-applied", "not-applied"]
    );
    assert_eq!((ran.code, town.bank.calls().len()), (Some(5), 3));
    assert_eq!(town.session()["pending"]["request_id"], lines[2]["request_id"]);
    let ran = town.replay(&["--session", &session], r#"{"interface":"query","branch":2}"#);
    assert_eq!((ran.code, &ran.json()[0]["balance"]), (Some(0), &json!(350)));
    assert!(ran.stderr.contains("the earlier withdrawal of 50 from main"), "{ran:?}");
    // Where it cannot be settled, nothing is sent.
    town.bank.fault(2, [Fault::Fail(Code::PermissionDenied, None)]);
    let deposit = r#"{"interface":"deposit","branch":2,"money":1}"#;
    assert_eq!(town.replay(&["--session", &session], deposit).code, Some(5));
    town.bank.fault(1, [Fault::Fail(Code::PermissionDenied, None)]);
    let ran = town.replay(&["--session", &session], EVENTS);
    assert_eq!((ran.code, outcomes(&ran.json())), (Some(5), vec!["not-applied"; 5]));
}

#[test]
fn other_branches_serve_for_one_that_is_down() {
    let bank = Bank::new(0);
    let addresses = vec![fake::closed(), bank.start(2)];
    let town = Town::of(bank, addresses);
    let ran = town.replay(&[], EVENTS);
    let lines = ran.json();
    assert_eq!(
        (ran.code, &lines[0]["branch"], &lines[0]["served_by"]),
        (Some(0), &json!(1), &json!(2))
    );
    assert_eq!(lines[0]["attempts"], 2);
    let ran = town.replay(&["--no-failover", "--timeout", "200ms"], EVENTS);
    assert_eq!(
        outcomes(&ran.json()),
        ["not-applied", "answered", "refused", "accepted", "failed"]
    );
    assert_eq!(ran.code, Some(4));
}

#[cfg(unix)]
#[test]
fn a_replay_that_nobody_reads_stops() {
    use std::io::Write;
    use std::process::Stdio;
    let town = Town::new(0, 2);
    let bank = town.path("bank.json");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let args = ["replay".as_ref(), "--bank".as_ref(), bank.as_os_str()];
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(writer)
        .spawn()
        .expect("started");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(EVENTS.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]));
    assert_eq!(town.bank.calls().len(), 1);
}

/// A replay whose events are its first line, and whose stdin is still open.
#[cfg(unix)]
fn held(town: &Town, input: &[u8]) -> std::process::Child {
    use std::io::Write;
    use std::process::Stdio;
    let (bank, session) = (town.path("bank.json"), town.path("s.json"));
    let flags = ["replay", "--stop-with-stdin", "--timeout", "60s"];
    let mut child = command(flags)
        .args([
            "--bank".as_ref(),
            bank.as_os_str(),
            "--session".as_ref(),
            session.as_os_str(),
        ])
        .stdin(Stdio::piped())
        .spawn()
        .expect("started");
    child.stdin.as_mut().expect("piped").write_all(input).expect("written");
    child
}

#[cfg(unix)]
#[test]
fn the_end_of_stdin_ends_a_replay_that_waits_and_leaves_its_session_whole() {
    let town = Town::new(0, 1);
    town.bank.fault(1, [Fault::Position(2), Fault::Hang(true)]);
    let events = r#"[{"interface":"deposit","branch":1,"money":1},{"interface":"deposit","branch":1,"money":2}]"#;
    let mut child = held(&town, format!("{events}\n").as_bytes());
    // The second one is under way, and would be for a minute.
    while town.bank.calls().len() < 2 {
        std::thread::yield_now();
    }
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
    let session = town.session();
    assert_eq!(session["write_position"], 2);
    assert_eq!(
        session["pending"]["request_id"],
        town.bank.calls()[1].request_id.as_str()
    );
    // The next run settles it.
    let session = town.path("s.json").display().to_string();
    let ran = town.replay(&["--session", &session], r#"{"interface":"query","branch":1}"#);
    assert_eq!((ran.code, &ran.json()[0]["balance"]), (Some(0), &json!(3)));
}

#[cfg(unix)]
#[test]
fn a_replay_with_an_open_stdin_ends_with_its_events() {
    let town = Town::new(0, 2);
    let events = EVENTS.replace('\n', " ");
    let mut child = held(&town, format!("{events}\nwhat follows is passed over\n").as_bytes());
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 5);
    drop(stdin);
}

#[cfg(unix)]
#[test]
fn a_first_line_that_is_cut_off_is_not_replayed() {
    let town = Town::new(0, 2);
    for events in ["", &EVENTS.replace('\n', " ")] {
        let mut child = held(&town, events.as_bytes());
        drop(child.stdin.take());
        let output = child.wait_with_output().expect("ended");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(141), &b""[..]));
    }
    assert_eq!(town.bank.calls(), []);
}
