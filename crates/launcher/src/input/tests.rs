use super::*;
use std::io::Write;
use std::path::Path;

const BRANCH: &str = r#"{"id":1,"type":"branch","balance":0}"#;

fn parse(text: &str) -> Result<Input, String> {
    Input::parse(Path::new("in.json"), text).map_err(|error| error.to_string())
}

/// One customer with these events, and two branches.
fn with_events(events: &str) -> String {
    format!(r#"[{{"id":7,"type":"customer","events":[{events}]}},{BRANCH},{{"id":2,"type":"branch","balance":0}}]"#)
}

fn visit(customer: u64, events: &[(Option<u64>, u32, Action)]) -> Visit {
    let events = events
        .iter()
        .map(|&(id, branch, action)| Event { id, branch, action })
        .collect();
    Visit { customer, events }
}

#[test]
fn every_form_is_accepted() {
    use Action::{Deposit, Query};
    let report = r#"[{"id":1,"type":"customer","events":[{"id":1,"interface":"deposit","money":400,"branch":1},
        {"id":2,"interface":"query","branch":1}]},{"id":1,"type":"branch","balance":0}]"#;
    let two_events = [(Some(1), 1, Deposit(400)), (Some(2), 1, Query)];
    let no_ids = [(None, 1, Deposit(400)), (None, 1, Query)];
    let table: [(&str, &str, Vec<Visit>); 9] = [
        ("the report's", report, vec![visit(1, &two_events)]),
        ("CRLF", &report.replace('\n', "\r\n"), vec![visit(1, &two_events)]),
        (
            "2021-22",
            r#"[{"id":1,"type":"client","events":[{"interface":"deposit","money":400,"dest":1},
                {"interface":"query","dest":1}]},{"id":1,"type":"bank","balance":0}]"#,
            vec![visit(1, &no_ids)],
        ),
        (
            "the predecessor's; money on a query is ignored",
            r#"[{"id":1,"type":"branch","balance":0},{"id":1,"type":"customer","events":[
                {"interface":"deposit","money":400},{"interface":"query","money":400}]}]"#,
            vec![visit(1, &no_ids)],
        ),
        (
            "the same customer twice",
            r#"[{"id":1,"type":"customer","events":[]},{"id":2,"type":"customer","events":[{"interface":"query",
                "branch":1}]},{"id":1,"type":"customer","events":[]},{"id":1,"type":"branch","balance":0}]"#,
            vec![visit(1, &[]), visit(2, &[(None, 1, Query)]), visit(1, &[])],
        ),
        (
            "the same event id twice",
            &with_events(r#"{"id":3,"interface":"query","branch":1},{"id":3,"interface":"query","branch":2}"#),
            vec![visit(7, &[(Some(3), 1, Query), (Some(3), 2, Query)])],
        ),
        (
            "the largest amount",
            &with_events(r#"{"interface":"deposit","branch":1,"money":9223372036854775807}"#),
            vec![visit(7, &[(None, 1, Deposit(i64::MAX))])],
        ),
        (
            "escapes in texts",
            &with_events(r#"{"interface":"quer\u0079","branch":1}"#),
            vec![visit(7, &[(None, 1, Query)])],
        ),
        ("no customers", &format!("[{BRANCH}]"), vec![]),
    ];
    for (name, text, visits) in table {
        let input = parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(input.script.visits, visits, "{name}");
        assert_eq!(input.script.opening_balance, 0, "{name}");
    }
    let branches = parse(r#"[{"id":987,"type":"branch","balance":5},{"id":345,"type":"branch","balance":5}]"#);
    let branches = branches.expect("branches alone");
    assert_eq!(
        (branches.branches, branches.script.opening_balance),
        (vec![987, 345], 5)
    );
}

#[test]
fn wrong_amounts() {
    for amount in [
        "0",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "NaN",
        "Infinity",
        "\"5\"",
        "+5",
        "1_000",
        "0x10",
        "007",
        "9223372036854775808",
        "null",
        "true",
        "[]",
        &"9".repeat(400),
    ] {
        let text = with_events(&format!(
            r#"{{"id":1,"interface":"query","branch":1}},{{"id":2,"interface":"deposit","branch":1,"money":{amount}}}"#
        ));
        let error = parse(&text).expect_err(amount);
        assert!(error.starts_with("in.json:1:"), "{amount}: {error}");
        assert!(error.contains(": customer 7, event 2: \"money\""), "{amount}: {error}");
        assert!(error.contains("from 1 to 9223372036854775807"), "{amount}: {error}");
        assert!(error.len() < 300, "{amount}: {error}");
    }
}

#[test]
fn wrong_events() {
    let table = [
        (r#"5"#, "customer 7, event no. 1: it is a number; an event is an object"),
        (r#"{"branch":1}"#, "customer 7, event no. 1: \"interface\" is missing"),
        (
            r#"{"id":4,"interface":"transfer","branch":1}"#,
            "customer 7, event 4: \"interface\" is \"transfer\"; write",
        ),
        (
            r#"{"id":4,"interface":"Query","branch":1}"#,
            "\"interface\" is \"Query\"; write \"query\"",
        ),
        (
            r#"{"id":4,"interface":"deposit","branch":1}"#,
            "customer 7, event 4: \"money\" is missing",
        ),
        (
            r#"{"id":4,"interface":"query","branch":9}"#,
            "event 4: there is no branch 9; add it, or name one of these: 1, 2",
        ),
        (
            r#"{"id":4,"interface":"query","branch":"1"}"#,
            "\"branch\" is \"1\"; a branch is a whole number",
        ),
        (
            r#"{"id":4,"interface":"query","branch":0}"#,
            "\"branch\" is 0; a branch",
        ),
        (
            r#"{"id":4,"interface":"query","branch":4294967297}"#,
            "\"branch\" is 4294967297; a branch",
        ),
        (
            r#"{"id":4,"interface":"query"}"#,
            "it names no branch, and there is no branch 7 for customer 7",
        ),
        (
            r#"{"id":4,"interface":"query","branch":1,"dest":1}"#,
            "both \"branch\" and \"dest\"",
        ),
        (
            r#"{"id":"x","interface":"query","branch":1}"#,
            "event no. 1: \"id\" is \"x\"; write a whole number",
        ),
        (
            r#"{"id":4,"interface":"query","branch":1,"amount":3}"#,
            "customer 7, event 4: unknown field \"amount\"; known",
        ),
        (
            r#"{"id":4,"id":5,"interface":"query","branch":1}"#,
            "customer 7, event 4: the key \"id\" comes twice",
        ),
        (
            r#"{"id":4,"interface":"query","branch":1,}"#,
            "customer 7, event 4: there is a comma before the }; remove it",
        ),
        (
            r#"{"id":4,"interface":"query","branch":1},"#,
            "there is a comma before the ]; remove it",
        ),
        (
            r#"{"id":4,“interface”:"query","branch":1}"#,
            "customer 7, event 4: there is a curly quote (“), as pasted",
        ),
        (r#"{"id":4,'interface':"query","branch":1}"#, "there is a single quote"),
        (r#"{"id":4,"interface":query,"branch":1}"#, "query is not a JSON value"),
        (
            r#"{"id":4,"interface":"query" "branch":1}"#,
            "a comma or } should be here",
        ),
        (r#"{"id":4 // the fourth"#, "JSON has no comments"),
        (
            "{\"id\":4,\"interface\":\"qu\nery\"}",
            "in.json:1:58: customer 7, event 4: a text in quotes does not end on",
        ),
        (
            r#"{"id":4,"\u202einterface":"x"}"#,
            "unknown field \"\\u{202e}interface\"",
        ),
        (
            r#"{"customer-request-id":1,"interface":"query"}"#,
            "unknown field \"customer-request-id\"",
        ),
    ];
    for (event, expected) in table {
        let error = parse(&with_events(event)).expect_err(event);
        assert!(
            error.starts_with("in.json:") && error.contains(expected),
            "{event}\n  {error}\n  {expected}"
        );
    }
}

#[test]
fn wrong_files() {
    let deep = format!("[{}", "[".repeat(200));
    let many: Vec<String> = (1..=BRANCHES_MAX + 1)
        .map(|id| format!(r#"{{"id":{id},"type":"branch","balance":0}}"#))
        .collect();
    let table = [
        ("", "in.json:1:1: the file is empty"),
        (" \r\n\t", "in.json:2:2: the file is empty"),
        ("[", "the file ends where a value should be; is it whole?"),
        (
            r#"[{"id":1,"type":"customer","events":[{"id":5,"inter"#,
            "in.json:1:52: customer 1, event 5: the file ends",
        ),
        (
            r#"{"id":1,"type":"customer","events":[]}"#,
            "it has to hold an array of customers and branches: put it in [ ]",
        ),
        (
            r#"{"id":1}"#,
            "an object { }; it has to hold an array [ ] of customers and branches",
        ),
        (
            r#"{"branches":[{"id":1,"balance":0}],"customers":[]}"#,
            "in.json:1:1: the file holds an object with \"customers\"; an input is one array [ ] of all customers and branches",
        ),
        (
            "{\"id\":1,\"type\":\"branch\",\"balance\":0}\n{\"id\":2,\"type\":\"branch\",\"balance\":0}",
            "in.json:2:1: there is another value after the first; put all of them in one array [ ]",
        ),
        (
            r#"[{"id":1,"recv":[]}]"#,
            "in.json:1:10: entry no. 1: \"recv\" is what a customer received: the file is an output, not an input",
        ),
        ("5", "the file holds a number"),
        ("[]", "there is no branch; add one"),
        (r#"[5]"#, "entry no. 1: it is a number"),
        (r#"[{"id":1,"events":[]}]"#, "entry no. 1: \"type\" is missing"),
        (
            r#"[{"id":1,"type":"clerk"}]"#,
            "entry no. 1: \"type\" is \"clerk\"; write",
        ),
        (r#"[{"id":1,"type":"customer"}]"#, "there is no branch"),
        (
            &format!(r#"[{BRANCH},{{"id":1,"type":"customer"}}]"#),
            "customer 1: \"events\" is missing",
        ),
        (
            &format!(r#"[{BRANCH},{{"id":1,"type":"customer","events":{{}}}}]"#),
            "\"events\" is an object",
        ),
        (
            &format!(r#"[{BRANCH},{{"id":-1,"type":"customer","events":[]}}]"#),
            "customer -1: \"id\" is -1",
        ),
        (
            &format!(r#"[{BRANCH},{{"id":1,"type":"customer","events":[],"balance":1}}]"#),
            "unknown field \"balance\"",
        ),
        (&format!("[{BRANCH},{BRANCH}]"), "branch 1: branch 1 is listed twice"),
        (
            &format!(r#"[{BRANCH},{{"id":2,"type":"branch","balance":1}}]"#),
            "branch 2: it opens with 1, branch 1 with 0",
        ),
        (r#"[{"id":1,"type":"branch"}]"#, "branch 1: \"balance\" is missing"),
        (
            r#"[{"id":1,"type":"branch","balance":-5}]"#,
            "branch 1: \"balance\" is -5",
        ),
        (r#"[{"id":0,"type":"branch","balance":0}]"#, "branch 0: \"id\" is 0"),
        (
            &format!("[{BRANCH}] and prose"),
            "in.json:1:40: there is text after the end",
        ),
        (&deep, "nested deeper than 128"),
        (&format!("[{}]", many.join(",")), "more than 512 branches"),
        (
            r#"[{"id":1,"type":"customer","customer-requests":[]}]"#,
            "\"customer-requests\" is the input of another assignment (logical clocks)",
        ),
        (
            "[\n\n  {\"id\": 1, \"type\": \"branch\", \"balance\": 0},\n ]",
            ": there is a comma before the ]; remove it",
        ),
    ];
    for (text, expected) in table {
        let error = parse(text).expect_err(text);
        assert!(error.contains(expected), "{text}\n  {error}\n  {expected}");
    }
}

#[test]
fn unreadable_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("latin1"), b"[{\"id\":1,\n\"\xe9\"").expect("written");
    std::fs::write(path("utf16"), b"\xff\xfe[\0]\0").expect("written");
    let huge = std::fs::File::create(path("huge")).expect("created");
    huge.set_len(1 << 30).expect("sparse");
    let table = [
        (path("nowhere"), "there is no such file"),
        (dir.path().to_owned(), "it is a directory, not a file or a pipe"),
        ("/dev/zero".into(), "it is a device, not a file or a pipe"),
        (path("huge"), "it has more than 64 MiB"),
        (path("latin1"), "latin1:2:2: from here on it is not UTF-8"),
        (path("utf16"), "it is UTF-16; save it as UTF-8"),
        (path("latin1/x"), "cannot be read"),
    ];
    for (path, expected) in table {
        let error = Input::load(&path).expect_err("no input").to_string();
        assert!(
            error.contains(expected) && error.contains(&path.display().to_string()),
            "{error}"
        );
    }
    std::fs::write(path("bom"), format!("\u{feff}[{BRANCH}]\r\n")).expect("written");
    assert!(Input::load(&path("bom")).is_ok());
}

#[test]
fn a_pipe_is_read_with_the_bound_of_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).expect("a pipe");
    let through_pipe = |write: fn(std::fs::File)| {
        let to = pipe.clone();
        let writer = std::thread::spawn(move || {
            write(std::fs::File::options().write(true).open(to).expect("opened"));
        });
        let read = Input::load(&pipe);
        writer.join().expect("written");
        read
    };
    let input = through_pipe(|mut pipe| write!(pipe, "[{BRANCH}]").expect("written"));
    assert_eq!(input.expect("an input").branches, [1]);
    let error = through_pipe(|mut pipe| {
        let block = vec![b' '; 1 << 20];
        // The reader closes the pipe at its bound.
        while pipe.write_all(&block).is_ok() {}
    });
    let error = error.expect_err("endless").to_string();
    assert!(error.contains("more than 64 MiB"), "{error}");
}

#[test]
fn all_names_of_a_file_have_one_identity() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("file"), "").expect("written");
    std::fs::write(path("other"), "").expect("written");
    std::fs::hard_link(path("file"), path("hard")).expect("linked");
    std::os::unix::fs::symlink("file", path("soft")).expect("linked");
    let file = FileId::of_input(&path("file")).expect("a file");
    for name in ["hard", "soft", "./file"] {
        assert_eq!(FileId::of_input(&path(name)), Some(file), "{name}");
    }
    assert_ne!(FileId::of_input(&path("other")), Some(file));
    for none in [dir.path().to_owned(), path("missing")] {
        assert_eq!(FileId::of_input(&none), None);
    }
    assert!(is_stdin(Path::new("-")) && !is_stdin(Path::new("./-")));
    for (path, short) in [
        ("a/town.json", "town.json"),
        ("/dev/stdin", "stdin"),
        ("-", "stdin"),
        ("/dev/fd/63", "/dev/fd/63"),
    ] {
        assert_eq!(short_name(Path::new(path)), short);
    }
}

mod json_reading {
    use crate::input::json::{Value, read};
    use proptest::prelude::*;

    /// Whether serde_json reads the same value.
    fn same(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
        match (ours, theirs) {
            (Value::Null, serde_json::Value::Null) => true,
            (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
            (Value::String(a), serde_json::Value::String(b)) => a == b,
            (Value::Number(digits), serde_json::Value::Number(number)) => {
                *digits == number.to_string()
                    || serde_json::from_str::<serde_json::Value>(digits).as_ref().ok() == Some(theirs)
            }
            (Value::Array(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.value, b))
            }
            (Value::Object(a), serde_json::Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|m| b.get(&m.key).is_some_and(|b| same(&m.value.value, b)))
            }
            _ => false,
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes(json in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
            let text = text.expect("written");
            prop_assert!(same(&read(&text).expect("read").value, &json));
        }

        #[test]
        fn never_accepts_what_serde_json_refuses(
            text in r#"[\[\]{}:,"0-9eE+.\-a-z\\u \n]{0,24}"#
        ) {
            if let Ok(node) = read(&text) {
                let theirs = serde_json::from_str::<serde_json::Value>(&text);
                // serde_json refuses numbers past what a float holds.
                if let Ok(theirs) = theirs { prop_assert!(same(&node.value, &theirs), "{text}") }
                else { prop_assert!(text.contains(['e', 'E']), "{text}") }
            }
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn a_cut_text_is_an_error_within_it(json in any_json(), cut in any::<prop::sample::Index>()) {
            let text = serde_json::json!([json]).to_string();
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let cut = &text[..ends[cut.index(ends.len())]];
            let error = read(cut).expect_err("cut off");
            prop_assert!(error.at <= cut.len());
        }
    }
}
