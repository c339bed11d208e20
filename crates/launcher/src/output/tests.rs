use super::read::parse;
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
            let output = parse(&render(format, &script(), visited)).expect("an output");
            overall(&judge(&script(), &output, Mode::Sequential))
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
    let output = load(&expected).expect("the report's output");
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

#[test]
fn outputs_of_other_solutions() {
    let predecessor = r#"[{"id":7,"recv":[{"interface":"query","result":"success","money":5},
        {"interface":"deposit","result":"success"},{"interface":"query","result":"success","money":9}]},
        {"id":3,"recv":[{"interface":"withdraw","result":"failure"}]}]"#;
    let output = parse(predecessor).expect("an output");
    assert_eq!(overall(&judge(&script(), &output, Mode::Sequential)), Judged::Pass);
    for (text, expected) in [
        ("", "the file is empty"),
        ("{}", "an output is an array"),
        ("[7]", "a number without \"id\""),
        (r#"[{"id":1}]"#, "without \"recv\""),
        (r#"[{"id":1,"recv":{}}]"#, "has to be an array"),
        (r#"[{"id":1,"recv":[{}]}]"#, "without \"interface\""),
        (
            r#"[{"id":1,"recv":[{"interface":"query","balance":"7"}]}]"#,
            "a whole number has to be here",
        ),
        (r#"[{"id":1,"balance":7},{"id":2,"recv":[]}]"#, "without \"balance\""),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.what.contains(expected), "{text}: {error:?}");
    }
}
