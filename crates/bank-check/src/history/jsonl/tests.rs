use super::*;
use crate::history::{Action, Applied, Fault, FaultKind, Level, Outcome, Propagation, RefusalReason};

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
