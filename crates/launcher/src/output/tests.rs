use super::*;
use crate::input::Input;
use bank_check::output::{Answer, Mode, Output, judge};
use bank_check::verdict::{Outcome as Judged, overall};
use bank_types::{AccountName, Interface, Level};
use insta::assert_snapshot;
use std::path::Path;

const INPUT: &str = r#"[{"id":1,"type":"branch","balance":5},{"id":2,"type":"branch","balance":5},
    {"id":7,"type":"customer","events":[{"interface":"query","branch":1},{"interface":"deposit","money":4,"branch":2}]},
    {"id":3,"type":"customer","events":[{"interface":"withdraw","money":40,"branch":1}]},
    {"id":7,"type":"customer","events":[{"interface":"query","branch":2}]}]"#;

fn script() -> Script {
    Input::parse(Path::new("in.json"), INPUT).expect("an input").script
}

fn visited(outcomes: &[(CallOutcome, Option<i64>)]) -> Visited {
    let record = |(seq, &(outcome, balance))| OperationRecord {
        outcome,
        balance,
        attempts: 1,
        ..OperationRecord::unsent(seq, Interface::Query, 1, AccountName::main(), Level::Session)
    };
    Visited {
        records: outcomes.iter().enumerate().map(record).collect(),
        failure: None,
        cut_off: None,
    }
}

fn right() -> Vec<Visited> {
    vec![
        visited(&[(CallOutcome::Answered, Some(5)), (CallOutcome::Accepted, Some(9))]),
        visited(&[(CallOutcome::Refused, Some(9))]),
        visited(&[(CallOutcome::Answered, Some(9))]),
    ]
}

/// The text of an output, with one entry a line.
fn by_entry(format: Format, visited: &[Visited]) -> String {
    let text = render(format, &script(), visited);
    let line: String = text.lines().map(str::trim_start).collect();
    line.replace(r#"},{"id""#, "},\n{\"id\"")
}

#[test]
fn three_formats_in_the_order_of_the_input() {
    assert_snapshot!(by_entry(Format::Events, &right()), @r#"
    [{"id": 7,"recv": [{"interface": "query","branch": 1,"balance": 5}]},
    {"id": 7,"recv": [{"interface": "deposit","branch": 2,"result": "success"}]},
    {"id": 3,"recv": [{"interface": "withdraw","branch": 1,"result": "fail"}]},
    {"id": 7,"recv": [{"interface": "query","branch": 2,"balance": 9}]}]
    "#);
    assert_snapshot!(render(Format::Customers, &script(), &right()), @r#"
    [
      {
        "id": 7,
        "recv": [
          {
            "interface": "query",
            "branch": 1,
            "balance": 5
          },
          {
            "interface": "deposit",
            "branch": 2,
            "result": "success"
          }
        ]
      },
      {
        "id": 3,
        "recv": [
          {
            "interface": "withdraw",
            "branch": 1,
            "result": "fail"
          }
        ]
      },
      {
        "id": 7,
        "recv": [
          {
            "interface": "query",
            "branch": 2,
            "balance": 9
          }
        ]
      }
    ]
    "#);
    assert_snapshot!(by_entry(Format::Balances, &right()), @r#"[{"id": 7,"balance": 9}]"#);
}

#[test]
fn an_event_without_an_answer_has_no_balance() {
    let lost = [
        visited(&[(CallOutcome::Failed, None), (CallOutcome::Unknown, None)]),
        visited(&[]),
        visited(&[]),
    ];
    assert_snapshot!(by_entry(Format::Events, &lost), @r#"
    [{"id": 7,"recv": [{"interface": "query","branch": 1,"result": "fail"}]},
    {"id": 7,"recv": [{"interface": "deposit","branch": 2,"result": "unknown"}]}]
    "#);
    assert_snapshot!(by_entry(Format::Balances, &lost), @"[]");
}

#[test]
fn each_format_is_read_back_and_judged() {
    for format in [Format::Events, Format::Customers, Format::Balances] {
        let outcome = |visited: &[Visited]| {
            let loaded = read(&render(format, &script(), visited)).expect("an output");
            assert_eq!(loaded.notes, [""; 0]);
            overall(&judge(&script(), &loaded.output, Mode::Sequential))
        };
        assert_eq!(outcome(&right()), Judged::Pass, "{format:?}");
        let mut stale = right();
        stale[2].records[0].balance = Some(5);
        assert_eq!(outcome(&stale), Judged::Fail, "{format:?}");
        let mut lost = right();
        lost[2].records.clear();
        if format != Format::Balances {
            assert_eq!(outcome(&lost), Judged::Fail, "{format:?}");
        }
    }
}

#[test]
fn the_course_reports_output_is_right_and_with_wrong_balances_it_is_wrong() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let input = Input::load(&data.join("../../../../inputs/input_big.json")).expect("the report's input");
    let expected = data.join("expected_output_big.json");
    let Loaded { output, notes } = load(&expected).expect("the report's output");
    assert_eq!(notes, [""; 0]);
    let verdicts = judge(&input.script, &output, Mode::Sequential);
    assert_eq!(overall(&verdicts), Judged::Pass, "{verdicts:?}");
    let Output::Events(mut reported) = output else {
        unreachable!()
    };
    assert_eq!(
        bank_check::output::Pairs::of(&reported).to_string(),
        "19 out of 19 cross-branch query events are correct."
    );
    for entry in &mut reported {
        if let Answer::Balance(balance) = &mut entry.answer {
            *balance = 7;
        }
    }
    assert_eq!(
        bank_check::output::Pairs::of(&reported).to_string(),
        "19 out of 19 cross-branch query events are correct."
    );
    for mode in [Mode::Sequential, Mode::Concurrent] {
        let verdicts = judge(&input.script, &Output::Events(reported.clone()), mode);
        assert_eq!(overall(&verdicts), Judged::Fail);
        assert_eq!(verdicts[1].failures.len(), 40);
    }
}

/// Reads an output from a file with this text.
fn read(text: &str) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("out.json");
    std::fs::write(&path, text).expect("written");
    let named = |error: OutputError| error.to_string().replace(&format!("{}/", dir.path().display()), "");
    load(&path).map_err(named)
}

/// Whether an output passes. The second value is what was unusual in it.
fn judged(text: &str) -> (bool, String) {
    let Loaded { output, notes } = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let verdicts = judge(&script(), &output, Mode::Sequential);
    (overall(&verdicts) == Judged::Pass, notes.join("; "))
}

/// The right output of [`INPUT`] in the form of the report, with one event a line.
const RIGHT: [&str; 4] = [
    r#"{"id":7,"recv":[{"interface":"query","branch":1,"balance":5}]}"#,
    r#"{"id":7,"recv":[{"interface":"deposit","branch":2,"result":"success"}]}"#,
    r#"{"id":3,"recv":[{"interface":"withdraw","branch":1,"result":"fail"}]}"#,
    r#"{"id":7,"recv":[{"interface":"query","branch":2,"balance":9}]}"#,
];

#[test]
fn an_unusual_spelling_is_read_and_noted() {
    // What is replaced in the right output, by what, and the note.
    let table = [
        (r#""success""#, r#""SUCCESS""#, r#"read "SUCCESS" as success (once)"#),
        (
            r#""success""#,
            r#"" Success ""#,
            r#"read " Success " as success (once)"#,
        ),
        (r#""success""#, r#""ok""#, r#"read "ok" as success (once)"#),
        (r#""success""#, "true", "read true as success (once)"),
        (r#""fail""#, r#""Fail""#, r#"read "Fail" as fail (once)"#),
        (r#""fail""#, r#""failure""#, r#"read "failure" as fail (once)"#),
        (
            r#""fail""#,
            r#""Insufficient_Funds""#,
            r#"read "Insufficient_Funds" as fail (once)"#,
        ),
        (r#""fail""#, "false", "read false as fail (once)"),
        (r#""query""#, r#""Query""#, r#"read "Query" as query (2 times)"#),
        (
            r#""withdraw""#,
            r#""WITHDRAWAL""#,
            r#"read "WITHDRAWAL" as withdraw (once)"#,
        ),
        (
            r#""balance":9"#,
            r#""balance":9.0"#,
            "read a number with the fraction .0 as a whole number (once)",
        ),
        (
            r#""balance":9"#,
            r#""balance":"9""#,
            "read a number in quotes as a number (once)",
        ),
        (
            r#""balance":9"#,
            r#""balance":"9.00""#,
            "read a number in quotes as a number (once), a number with the fraction .0 as a whole number (once)",
        ),
        (
            r#""branch":2"#,
            r#""branch":"2""#,
            "read a number in quotes as a number (2 times)",
        ),
        (
            r#""branch":2"#,
            r#""dest":2"#,
            r#"read the key "dest" as "branch" (2 times)"#,
        ),
        (
            r#""balance""#,
            r#""money""#,
            r#"read the key "money" as "balance" (2 times)"#,
        ),
        (
            r#""balance""#,
            r#""Balance""#,
            r#"read the key "Balance" as "balance" (2 times)"#,
        ),
        (
            r#""balance":9"#,
            r#""result":9"#,
            r#"read the "result" of a query as its balance (once)"#,
        ),
        (
            r#""balance":9"#,
            r#""result":{"balance":9}"#,
            r#"read a "result" with an object as the answer in it (once)"#,
        ),
        (
            r#""result""#,
            r#""status""#,
            r#"read the key "status" as "result" (2 times)"#,
        ),
        (
            r#""recv":["#,
            r#""events":["#,
            r#"read the key "events" as "recv" (4 times)"#,
        ),
        (
            r#""id":7"#,
            r#""id":"7""#,
            "read a number in quotes as a number (3 times)",
        ),
        (r#""branch":1,"#, "", ""),
        (r#""branch":1,"#, r#""branch":1,"id":9,"time":0.5,"note":["x"],"#, ""),
        (r#""balance":9"#, r#""balance":9,"result":"success""#, ""),
        (r#""result":"success""#, r#""result":"success","balance":9"#, ""),
    ];
    let right = format!("[{}]", RIGHT.join(",\n"));
    assert_eq!(judged(&right), (true, String::new()));
    for (usual, unusual, note) in table {
        let text = right.replace(usual, unusual);
        assert_ne!(text, right);
        assert_eq!(judged(&text), (true, note.to_owned()), "{text}");
        // It is judged, not only read: with another last balance, the output is wrong.
        let wrong = text.replace(":9", ":8").replace("\"9", "\"8");
        assert!(!judged(&wrong).0, "{wrong}");
    }
}

#[test]
fn an_unusual_shape_is_read_and_noted() {
    let inner = RIGHT.map(|entry| {
        entry
            .split_once("[")
            .map_or("", |(_, rest)| rest.trim_end_matches("]}"))
    });
    let one_after_another = "read several values, one after another, as one array (once)";
    let table = [
        (RIGHT.join("\n"), one_after_another),
        (RIGHT.join("\r\n") + "\r\n", one_after_another),
        (RIGHT.join(",\n"), one_after_another),
        (RIGHT.map(|entry| format!("[{entry}]")).join("\n"), one_after_another),
        (
            format!("[{}]", RIGHT.map(|entry| format!("[{entry}]")).join(",")),
            "read an array of entries inside the array as its entries (4 times)",
        ),
        (
            format!("[{}]", RIGHT.join(","))
                .replace("[{\"int", "{\"int")
                .replace("}]}", "}}"),
            "read \"recv\" with an object as an array of events (4 times)",
        ),
        (
            format!("[{}]", RIGHT.join(","))
                .replace("[{\"int", "[[{\"int")
                .replace("}]}", "}]]}"),
            "read \"recv\" with an array of arrays as an array of events (4 times)",
        ),
        (
            format!("{{\"output\":[{}]}}", RIGHT.join(",")),
            "read the array under \"output\" as the output (once)",
        ),
        // The customers' form: an entry for each time that the input lists the customer, or one for each customer.
        (
            format!(
                r#"[{{"id":7,"recv":[{},{}]}},{{"id":3,"recv":[{}]}},{{"id":7,"recv":[{}]}}]"#,
                inner[0], inner[1], inner[2], inner[3]
            ),
            "",
        ),
        (
            format!(
                r#"[{{"id":7,"recv":[{},{},{}]}},{{"id":3,"recv":[{}]}}]"#,
                inner[0], inner[1], inner[3], inner[2]
            ),
            "",
        ),
        // The predecessor's.
        (
            r#"[{"id":7,"recv":[{"interface":"query","result":"success","money":5},{"interface":"deposit","result":"success"},
                {"interface":"query","result":"success","money":9}]},{"id":3,"recv":[{"interface":"withdraw","result":"failure"}]}]"#
                .to_owned(),
            "read the key \"money\" as \"balance\" (2 times), \"failure\" as fail (once)",
        ),
        (r#"[{"id":7,"balance":9}]"#.to_owned(), ""),
        (
            r#"{"id":7,"balance":"9"}"#.to_owned(),
            "read an entry alone as an array of one (once), a number in quotes as a number (once)",
        ),
    ];
    for (text, note) in table {
        assert_eq!(judged(&text), (true, note.to_owned()), "{text}");
        let wrong = text.replace(":9", ":8").replace("\"9", "\"8");
        assert!(!judged(&wrong).0, "{wrong}");
    }
}

#[test]
fn what_has_no_reading_is_refused_by_its_place() {
    let table = [
        (
            "",
            "out.json:1:1: the output is empty; has the program that writes it come to its end?",
        ),
        (" \n\n", "out.json:1:1: the output is empty"),
        (
            "Balance: 10",
            "out.json:1:1: it is not JSON, as an output is: Balance is not a JSON value",
        ),
        ("[{\"id\":1,", "out.json:1:10: the file ends where"),
        ("7", "out.json:1:1: an output is an array [ ]; this is a number"),
        (
            "{}",
            "an output is an array [ ]; this is an object without \"id\" and \"recv\"",
        ),
        (
            "{\"id\":1,\"recv\":[]}\nall done",
            "out.json:2:1: all is not a JSON value",
        ),
        (
            "{\"id\":1,\"recv\":[]}\n7",
            "out.json:2:1: after the first value comes a number",
        ),
        (
            r#"{"customers":[],"branches":[]}"#,
            "this is an object with \"customers\" or \"branches\"; an output is an array",
        ),
        (
            "[7]",
            "out.json:1:2: entry no. 1: it is a number; an entry is an object with \"id\" and \"recv\"",
        ),
        (
            r#"[{"id":1}]"#,
            "entry no. 1: without \"recv\" (the list of what the customer received); it has \"id\"",
        ),
        (
            r#"[{"recv":[]}]"#,
            "entry no. 1: without \"id\" (the number of the customer); it has \"recv\"",
        ),
        (
            r#"[{"id":"one","recv":[]}]"#,
            "entry no. 1: \"id\" is \"one\"; write a whole number",
        ),
        (
            r#"[{"id":1,"recv":7}]"#,
            "entry no. 1: \"recv\" is 7; it has to be an array",
        ),
        (
            r#"[{"id":1,"recv":["query"]}]"#,
            "entry no. 1, event no. 1: it is a text in quotes; an event is an object",
        ),
        (
            r#"[{"id":1,"recv":[{}]}]"#,
            "entry no. 1, event no. 1: without \"interface\"",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"transfer","result":"success"}]}]"#,
            "event no. 1: \"interface\" is \"transfer\", which has no reading; write \"query\", \"deposit\" or \"withdraw\"",
        ),
        (
            "[{\"id\":1,\"recv\":[]},\n{\"id\":1,\"recv\":[{\"interface\":\"deposit\",\"result\":\"maybe\"}]}]",
            "out.json:2:49: entry no. 2, event no. 1: \"result\" is \"maybe\", which has no reading; write \"success\", \"fail\" or \"unknown\"",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"deposit","result":0}]}]"#,
            "\"result\" is 0, which has no reading",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"query","balance":10.5}]}]"#,
            "entry no. 1, event no. 1: the balance is 10.5, which has no reading; a balance is a whole number",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"query","balance":"ten"}]}]"#,
            "the balance is \"ten\", which has no reading",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"query","balance":"1,000"}]}]"#,
            "the balance is \"1,000\"",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"query","balance":9e99}]}]"#,
            "the balance is 9e99",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"query","branch":"B2","balance":1}]}]"#,
            "\"branch\" is \"B2\"; write a whole number",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"query","current_balance":1}]}]"#,
            "there is no \"balance\", and \"current_balance\" is not known here; write the answer as \"balance\"",
        ),
        (
            r#"[{"id":1,"recv":[{"interface":"deposit","branch":1,"state":"done"}]}]"#,
            "there is no \"result\", and \"state\" is not known here",
        ),
        (
            r#"[{"id":1,"balance":7},{"id":2,"recv":[]}]"#,
            "entry no. 2: without \"balance\" (the balance of the customer's last query); it has \"id\", \"recv\"",
        ),
        (
            INPUT,
            "out.json: this is an input, not an output. To run it: launcher run out.json.",
        ),
        (r#"[{"id":1,"type":"branch","balance":5}]"#, "this is an input"),
        ("\u{0}\u{1}", "out.json:1:1: it is a binary file"),
    ];
    for (text, expected) in table {
        let error = read(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_event_without_its_answer_is_judged_as_incomplete() {
    for (entry, expected) in [
        (
            r#"{"interface":"query","branch":1}"#,
            "customer 7's query at branch 1 (its event no. 1) has no balance",
        ),
        (r#"{"interface":"query","branch":1,"balance":null}"#, "has no balance"),
        (
            r#"{"interface":"query","branch":1,"result":"fail"}"#,
            "was not answered",
        ),
    ] {
        let loaded = read(&format!("[{{\"id\":7,\"recv\":[{entry}]}}]")).expect("an output");
        let verdicts = judge(&script(), &loaded.output, Mode::Sequential);
        let is_told = |failure: &String| failure.contains(expected);
        assert!(verdicts[0].failures.iter().any(is_told), "{verdicts:?}");
    }
}

#[test]
fn a_path_that_is_no_output_is_told_as_what_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("in.json"), INPUT).expect("written");
    std::fs::write(path("out.json"), RIGHT.join("\n")).expect("written");
    std::fs::write(path("empty"), "").expect("written");
    for (name, expected) in [
        ("none", "none: there is no such file"),
        (
            "in.json",
            "in.json: this is an input, not an output. To run it: launcher run ",
        ),
        (
            "out.json",
            "out.json: not a run folder; an output file is judged by its input: add --input INPUT",
        ),
        ("empty", "empty: not a run folder"),
    ] {
        let error = without_input(&path(name)).to_string();
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(path("array"), "[]").expect("written");
    let input = Input::load(&path("in.json")).expect("an input");
    let error = load_for(&input, &path("array")).expect_err("empty").to_string();
    assert!(
        error.ends_with(
            "array: the output has no events, and the input has 4; has the program that writes it come to its end?"
        ),
        "{error}"
    );
    assert!(load_for(&input, &path("out.json")).is_ok() && load(&path("array")).is_ok());
    let error = load(dir.path()).expect_err("a folder").to_string();
    assert!(
        error.contains("it is a folder; --input is for an output file"),
        "{error}"
    );
}
