use super::*;
use crate::history::{Action, Applied, Fault, FaultKind, Leader, Level, Outcome, Propagation, RefusalReason};

fn history() -> History {
    let operation = Operation {
        customer: 1,
        session: "customer 1".to_owned(),
        sequence: 1,
        event: Some(3),
        action: Action::Transfer {
            account: "main".to_owned(),
            to: "b".to_owned(),
            amount: 5,
        },
        branch: 2,
        served_by: Some(4),
        level: Level::ReadYourWrites,
        propagation: Propagation::All,
        request_id: Some("0198".to_owned()),
        invoked_us: 1,
        completed_us: 2,
        outcome: Outcome::Refused(RefusalReason::NoSuchAccount),
        balance: Some(0),
        position: Some(2),
        waited_us: 0,
        attempts: 1,
        repeated: false,
        missing_branches: vec![3],
        error: None,
    };
    let applied = Applied {
        position: 1,
        request_id: "0197".to_owned(),
        action: Action::Open {
            account: "main".to_owned(),
            amount: 400,
        },
        outcome: Outcome::Accepted,
        balance: 400,
        to_balance: None,
        time_us: Some(7),
        applied_us: Some(9),
    };
    History {
        operations: vec![operation],
        faults: vec![Fault {
            kind: FaultKind::Hold { to: 2 },
            from_us: 4,
            until_us: None,
        }],
        journals: vec![Journal {
            branch: 1,
            position: 2,
            digest: "ab".to_owned(),
            leaders: vec![Leader {
                term: 3,
                branch: Some(2),
                after_position: 1,
                from_us: None,
            }],
            entries_head: Some("8:0f".to_owned()),
            applied: vec![applied],
        }],
        branches: vec![1, 2, 4],
    }
}

#[test]
fn a_written_history_is_read_back() {
    let history = history();
    let journal = history.journals[0].lines();
    let read = History::parse(&history.lines(), &[("branch-1.jsonl".to_owned(), &journal)]);
    assert_eq!(read, Ok(history));
}

#[test]
fn a_journal_of_an_older_version_names_no_leaders() {
    let journal = history().journals[0].clone();
    let older = Journal {
        leaders: Vec::new(),
        entries_head: None,
        ..journal
    };
    let text = older.lines();
    assert!(!text.contains("leaders"), "{text}");
    assert_eq!(Journal::parse("branch-1.jsonl", &text), Ok(older));
}

#[test]
fn errors_name_the_file_and_the_line() {
    let (history, journal) = (history().lines(), history().journals[0].lines());
    let doubled = format!("{}\n{}", history, history.lines().next().unwrap_or_default());
    let unknown = history.replacen("\"attempts\"", "\"colour\":1,\"attempts\"", 1);
    let nested = history.replacen("\"to\":\"b\"", "\"to\":\"b\",\"fee\":1", 1);
    let headless = journal.lines().nth(1).unwrap_or_default().to_owned();
    let twice = format!("{journal}\n\n{journal}");
    let strange = journal.replacen("\"digest\"", "\"hash\":\"\",\"digest\"", 1);
    let absent = history.replacen("\"waited_us\":0,", "", 1);
    // history, journals, start of the error, part of the error
    let table: [(&str, &[&str], &str, &str); 10] = [
        (
            &doubled,
            &[],
            "history.jsonl, line 4",
            "session customer 1 has an operation 1 already",
        ),
        (
            &unknown,
            &[],
            "history.jsonl, line 1: unknown",
            "unknown field `colour`",
        ),
        (&nested, &[], "history.jsonl, line 1", "unknown field `fee`"),
        (&absent, &[], "history.jsonl, line 1", "missing field `waited_us`"),
        ("\n{", &[], "history.jsonl, line 2: column 1: ", "EOF"),
        ("", &[""], "j0, line 1", "begins with a line of type \"branch\""),
        ("", &[&headless], "j0, line 1", "begins with a line of type \"branch\""),
        ("", &[&twice], "j0, line 5", "only the first line"),
        ("", &[&journal, &journal], "j1, line 1", "a journal of branch 1 already"),
        ("", &[&strange], "j0, line 1", "unknown field `hash`"),
    ];
    for (history, journals, begins, holds) in table {
        let named = journals.iter().enumerate().map(|(at, text)| (format!("j{at}"), *text));
        let named: Vec<_> = named.collect();
        let error = History::parse(history, &named).expect_err(begins).to_string();
        assert!(error.starts_with(begins), "{error}");
        assert!(error.contains(holds), "{error}");
    }
}

#[test]
fn a_bad_field_is_named() {
    let (history, journal) = (history().lines(), history().journals[0].lines());
    let table = [
        (
            r#""customer":1"#,
            r#""customer":"one""#,
            "line 1: field `customer`: invalid type: string \"one\", expected u64",
        ),
        (
            r#""branch":2"#,
            r#""branch":2.5"#,
            "line 1: field `branch`: invalid type: floating point `2.5`, expected u32",
        ),
        (
            r#""balance":0"#,
            r#""balance":"0""#,
            "line 1: field `balance`: invalid type: string \"0\", expected i64",
        ),
        (
            r#""position":2"#,
            r#""position":-2"#,
            "line 1: field `position`: invalid value: integer `-2`, expected u64",
        ),
        (
            r#""invoked_us":1"#,
            r#""invoked_us":null"#,
            "line 1: field `invoked_us`: invalid type: null, expected u64",
        ),
        (
            r#""amount":5"#,
            r#""amount":5.5"#,
            "line 1: field `action.amount`: invalid type: floating point `5.5`, expected i64",
        ),
        (
            r#""operation":"transfer""#,
            r#""operation":"steal""#,
            "line 1: field `action.operation`: unknown variant `steal`",
        ),
        (r#""to":"b","#, "", "line 1: missing field `to`"),
        (
            r#""level":"read-your-writes""#,
            r#""level":"best""#,
            "line 1: field `level`: unknown variant `best`",
        ),
        (
            r#""refused":"no-such-account""#,
            r#""refused":"mood""#,
            "line 1: field `outcome.refused`: unknown variant `mood`",
        ),
        (
            r#""missing_branches":[3]"#,
            r#""missing_branches":["3"]"#,
            "line 1: field `missing_branches`: invalid type",
        ),
        (
            r#""type":"operation""#,
            r#""type":"opera""#,
            "line 1: field `type`: unknown variant `opera`",
        ),
        (r#""attempts":1"#, r#""attempt":1"#, "line 1: unknown field `attempt`"),
        (
            r#""from_us":4"#,
            r#""from_us":"4""#,
            "line 2: field `from_us`: invalid type",
        ),
        (r#""to":2"#, r#""to":true"#, "line 2: field `kind.to`: invalid type"),
    ];
    for (right, wrong, expected) in table {
        assert!(history.contains(right), "{right}");
        let error = History::parse(&history.replacen(right, wrong, 1), &[])
            .expect_err(wrong)
            .to_string();
        assert!(error.starts_with(&format!("history.jsonl, {expected}")), "{error}");
    }
    let table = [
        (
            r#""position":2"#,
            r#""position":"2""#,
            "line 1: field `position`: invalid type",
        ),
        (
            r#""amount":400"#,
            r#""amount":"400""#,
            "line 2: field `action.amount`: invalid type",
        ),
        (
            r#""applied_us":9"#,
            r#""applied_us":9.5"#,
            "line 2: field `applied_us`: invalid type",
        ),
    ];
    for (right, wrong, expected) in table {
        assert!(journal.contains(right), "{right}");
        let error = Journal::parse("j", &journal.replacen(right, wrong, 1))
            .expect_err(wrong)
            .to_string();
        assert!(error.starts_with(&format!("j, {expected}")), "{error}");
    }
}

#[test]
fn refusals_are_written_in_kebab_case_and_read_in_snake_case_too() {
    for (refusal, kebab, snake) in [
        (
            RefusalReason::InsufficientFunds,
            "insufficient-funds",
            "insufficient_funds",
        ),
        (RefusalReason::NoSuchAccount, "no-such-account", "no_such_account"),
        (RefusalReason::AccountExists, "account-exists", "account_exists"),
        (RefusalReason::Overflow, "overflow", "overflow"),
        (RefusalReason::SameAccount, "same-account", "same_account"),
    ] {
        let mut history = history();
        history.journals.clear();
        history.branches = vec![2, 4];
        history.operations[0].outcome = Outcome::Refused(refusal);
        let text = history.lines();
        assert!(text.contains(&format!("{{\"refused\":\"{kebab}\"}}")), "{text}");
        let older = text.replace(&format!("\"{kebab}\""), &format!("\"{snake}\""));
        assert_eq!(History::parse(&older, &[]), Ok(history), "{older}");
    }
}
