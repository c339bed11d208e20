//! The files of a run folder, and `launcher check` on it: the folder passes as it is, and after a change it fails with
//! the name of the broken guarantee or of the wrong file. Needs `branchd` and `customer-cli` beside the launcher:
//! `cargo build --workspace`.

use bank_check::history::Journal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A finished run, in a directory of its own.
struct Finished {
    dir: tempfile::TempDir,
    said: String,
}

fn launch(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command.args(args).current_dir(dir).output().expect("launcher runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Finished {
    fn run(input: &str) -> Self {
        Self::run_with(input, &[])
    }

    fn run_with(input: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inputs").join(input);
        let ran = launch(
            dir.path(),
            &[
                &[
                    "run",
                    input.to_str().expect("UTF-8"),
                    "--base-port",
                    "auto",
                    "--verbose",
                ],
                args,
            ]
            .concat(),
        );
        assert_eq!(ran.status.code(), Some(0), "{}{}", text(&ran.stdout), text(&ran.stderr));
        Finished {
            dir,
            said: text(&ran.stdout),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("outputs/latest").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Checks the folder after a change, and that the change alone is what counts.
    fn check_changed(&self, name: &str, change: impl FnOnce(String) -> String) -> (Option<i32>, String) {
        let before = self.read(name);
        let after = change(before.clone());
        assert_ne!(before, after);
        fs::write(self.file(name), after).expect("written");
        let checked = self.check(&["--verbose"]);
        fs::write(self.file(name), before).expect("written");
        checked
    }

    fn check(&self, args: &[&str]) -> (Option<i32>, String) {
        let checked = launch(self.dir.path(), &[&["check", "outputs/latest"], args].concat());
        (checked.status.code(), text(&checked.stdout) + &text(&checked.stderr))
    }

    /// Checks the folder, and gives the whole table.
    fn check_all(&self) -> (Option<i32>, String) {
        self.check(&["--verbose"])
    }
}

/// The line of a verdict on the history in a table.
fn verdict<'a>(said: &'a str, guarantee: &str) -> &'a str {
    let (_, by_history) = said
        .split_once(", by the history\n")
        .unwrap_or_else(|| panic!("{said}"));
    row(by_history, guarantee)
}

/// The first line of a verdict.
fn row<'a>(said: &'a str, guarantee: &str) -> &'a str {
    let of_it = |line: &&str| line.starts_with(&format!("  {guarantee} "));
    said.lines().find(of_it).unwrap_or_else(|| panic!("{said}"))
}

/// A text as one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A JSON value with every balance in it as 7, in one line.
fn all_sevens(text: &str) -> String {
    fn set(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(values) => values.iter_mut().for_each(set),
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "balance" => *value = 7.into(),
                        _ => set(value),
                    }
                }
            }
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).expect("JSON");
    set(&mut value);
    format!("{value}\n")
}

#[test]
fn a_run_leaves_all_that_it_is_judged_by() {
    let run = Finished::run_with("input_big.json", &["--keep-data"]);
    let latest = fs::read_link(run.dir.path().join("outputs/latest")).expect("a link");
    assert!(latest.to_string_lossy().starts_with("run-"), "{}", latest.display());
    for name in ["input.json", "output.json", "bank.json", "report.html"] {
        assert!(run.file(name).is_file(), "{name}");
    }
    assert_eq!(run.read("history.jsonl").lines().count(), 60);
    let meta: serde_json::Value = serde_json::from_str(&run.read("meta.json")).expect("JSON");
    assert_eq!(
        (&meta["input"], &meta["level"]),
        (&"input_big.json".into(), &"session".into())
    );
    assert_eq!(meta["versions"]["branchd"], env!("CARGO_PKG_VERSION"));
    let page = run.read("report.html");
    assert!(page.contains("A run of input_big.json") && page.contains("writes-follow-reads"));
    assert!(
        run.said.contains("report.html\n") && run.said.contains("60 operations: 0 refused"),
        "{}",
        run.said
    );
    for (guarantee, cases) in [
        ("read-your-writes", "19 reads"),
        ("monotonic-reads", "19 reads"),
        ("monotonic-writes", "19 writes"),
        ("agreement", "189 entries"),
    ] {
        let line = verdict(&run.said, guarantee);
        assert!(line.contains("pass") && line.contains(cases), "{line}");
    }

    let (code, said) = run.check_all();
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run.check(&["--json"]);
    let checked: serde_json::Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!((code, &checked["conclusion"]), (Some(0), &"consistent".into()));
    assert_eq!(checked["operations"], 60);

    // A branch that has stopped exports what it had answered when it ran, but for what only its process knew.
    let programs = bank_cluster::Programs::beside_this_one().expect("built");
    let data = run.file("branch-3/data");
    let exported = Command::new(programs.branchd)
        .args(["export", "--data", data.to_str().expect("UTF-8")])
        .output();
    let exported = Journal::parse("export", &text(&exported.expect("branchd runs").stdout)).expect("a journal");
    let mut kept = Journal::parse("kept", &run.read("journals/branch-3.jsonl")).expect("a journal");
    assert!(kept.applied.iter().all(|applied| applied.applied_us.is_some()));
    kept.applied.iter_mut().for_each(|applied| applied.applied_us = None);
    assert_eq!(kept.leaders.len(), 1, "{:?}", kept.leaders);
    kept.leaders.clear();
    assert_eq!(exported, kept);
}

#[test]
fn runs_are_listed_and_old_ones_are_removed() {
    let run = Finished::run("two_branches.json");
    let launcher = |args: &[&str]| {
        let done = launch(run.dir.path(), args);
        (done.status.code(), text(&done.stdout) + &text(&done.stderr))
    };
    // A judged run needs the data of its branches no more.
    assert!(run.file("branch-1/log").is_file() && !run.file("branch-1/data").exists());
    assert!(!run.file("run.lock").exists());
    // The bank cannot come up without it.
    let (code, said) = launcher(&["up", "--dir", "outputs/latest"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("was removed once its run was judged") && said.contains("--keep-data"),
        "{said}"
    );

    let (code, said) = launcher(&["runs"]);
    assert_eq!(code, Some(0), "{said}");
    let line = said.lines().nth(1).expect("a run");
    assert!(
        line.contains(" consistent ") && line.ends_with("two_branches.json"),
        "{said}"
    );
    let (_, said) = launcher(&["runs", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(list["runs"][0]["verdict"], "consistent");
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(1));

    let (code, said) = launcher(&["clean"]);
    assert_eq!(
        (code, said.starts_with("nothing to remove: ")),
        (Some(0), true),
        "{said}"
    );
    let (code, said) = launcher(&["clean", "--keep", "0", "--dry-run"]);
    assert_eq!(
        (code, said.contains("would be removed: 1 run folder")),
        (Some(0), true),
        "{said}"
    );
    // Nobody can be asked here.
    let (code, said) = launcher(&["clean", "--keep", "0"]);
    assert_eq!((code, said.contains("add --yes")), (Some(2), true), "{said}");
    assert!(run.file("meta.json").exists());
    let (code, said) = launcher(&["clean", "--keep", "0", "--yes"]);
    assert_eq!(
        (code, said.starts_with("removed 1 run folder, freed ")),
        (Some(0), true),
        "{said}"
    );
    let left = fs::read_dir(run.dir.path().join("outputs"))
        .expect("listed")
        .map(|entry| entry.expect("listed").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["output.json"]);
    let (code, said) = launcher(&["runs"]);
    assert_eq!((code, said.as_str()), (Some(0), "there is no run folder in outputs\n"));
}

#[test]
fn what_is_changed_is_found_by_name() {
    let run = Finished::run("three_customers.json");
    let (code, said) = run.check_changed("history.jsonl", |text| {
        let read = text
            .lines()
            .rfind(|line| line.contains(r#""answered""#))
            .expect("a read");
        let balance = read
            .split(r#""balance":"#)
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let balance: i64 = balance.and_then(|digits| digits.parse().ok()).expect("a balance");
        let other = read.replace(
            &format!(r#""balance":{balance},"#),
            &format!(r#""balance":{},"#, balance + 1),
        );
        text.replace(read, &other)
    });
    assert_eq!(code, Some(1), "{said}");
    assert!(verdict(&said, "honest-positions").contains("fail"), "{said}");
    assert!(
        one_line(&said).contains("honest-positions broken") && said.contains("NOT consistent: honest-positions failed"),
        "{said}"
    );

    let (code, said) = run.check_changed("history.jsonl", |text| text.replacen("\"customer\"", "\"costumer\"", 1));
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("outputs/latest/history.jsonl, line 1: ") && said.contains("costumer"),
        "{said}"
    );
    let (code, said) = run.check_changed("journals/branch-2.jsonl", |text| text + "{}\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("outputs/latest/journals/branch-2.jsonl, line "), "{said}");
    let (code, said) = run.check_changed("meta.json", |_| "{".to_owned());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("meta.json: "), "{said}");

    fs::remove_file(run.file("journals/branch-2.jsonl")).expect("removed");
    let (code, said) = run.check_all();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        one_line(&said).contains("the journal of branch 2 is missing: agreement broken"),
        "{said}"
    );
}

#[test]
fn without_journals_what_can_be_judged_is() {
    let run = Finished::run("input_big.json");
    fs::remove_dir_all(run.file("journals")).expect("removed");
    fs::remove_file(run.file("output.json")).expect("removed");
    let (code, said) = run.check_all();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("note: there are no journals"), "{said}");
    assert!(verdict(&said, "agreement").contains("unknown"), "{said}");

    fs::remove_file(run.file("meta.json")).expect("removed");
    let (code, said) = run.check_changed("history.jsonl", |text| text.lines().map(all_sevens).collect());
    assert_eq!(code, Some(1), "{said}");
    assert!(
        one_line(&said).contains("honest-positions broken") && said.contains("note: there is no meta.json"),
        "{said}"
    );

    fs::write(run.file("history.jsonl"), "").expect("written");
    let (code, said) = run.check_all();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("not finished: there was nothing to judge"), "{said}");
    fs::remove_file(run.file("history.jsonl")).expect("removed");
    let (code, said) = run.check_all();
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("outputs/latest is no run folder: it has no history.jsonl"),
        "{said}"
    );
    let checked = launch(run.dir.path(), &["check", "outputs/output.json"]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(text(&checked.stderr).contains("add --input INPUT"));
}

#[test]
fn the_sevens_are_caught_with_journals_and_without() {
    let run = Finished::run("input_big.json");
    let history: String = run.read("history.jsonl").lines().map(all_sevens).collect();
    fs::write(run.file("history.jsonl"), history).expect("written");
    fs::write(run.file("output.json"), all_sevens(&run.read("output.json"))).expect("written");
    let caught_in = |(code, said): (Option<i32>, String)| {
        assert_eq!(code, Some(1), "{said}");
        // The assignment's own checker, which they fool.
        assert!(
            said.contains("\n19 out of 19 cross-branch query events are correct.\n\nNOT consistent: "),
            "{said}"
        );
        assert!(row(&said, "read-your-writes").contains(" fail "), "{said}");
        said
    };
    let said = caught_in(run.check_all());
    for guarantee in ["honest-positions", "acknowledged-writes"] {
        assert!(verdict(&said, guarantee).contains(" fail "), "{said}");
    }
    assert!(
        one_line(&said).contains(
            "customer 1's query at branch 1 (event 3, level session) answered balance 7 from position 2, but the account \
             held 10 there: honest-positions broken"
        ),
        "{said}"
    );
    fs::remove_dir_all(run.file("journals")).expect("removed");
    let said = caught_in(run.check_all());
    assert!(verdict(&said, "honest-positions").contains(" fail "), "{said}");
    assert!(
        one_line(&said)
            .contains("answered balance 7 from position 1, but right after the bank's opening it had to be 0"),
        "{said}"
    );
}

/// Without journals and positions of writes, only the times show that the first read is from the future.
#[test]
fn a_read_of_a_deposit_that_nobody_had_begun_is_caught() {
    let operation = |customer: u64, sequence: u64, action: &str, times: [u64; 2], reply: &str| {
        let [invoked, completed] = times;
        format!(
            r#"{{"type":"operation","customer":{customer},"session":"customer-{customer}","sequence":{sequence},"event":{sequence},"action":{{"operation":{action},"account":"main"}},"branch":1,"served_by":1,"level":"strong","propagation":"quorum","request_id":null,"invoked_us":{invoked},"completed_us":{completed},{reply},"waited_us":0,"attempts":1,"repeated":false,"missing_branches":[],"error":null}}"#
        ) + "\n"
    };
    let read = r#""outcome":"answered","balance":4,"position":2"#;
    let deposit = r#""outcome":"unknown","balance":null,"position":null"#;
    let history = [
        operation(1, 1, r#""query""#, [2000, 3000], read),
        operation(2, 1, r#""deposit","amount":4"#, [5000, 6000], deposit),
        operation(1, 2, r#""query""#, [7000, 8000], read),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("history.jsonl"), history.concat()).expect("written");
    let checked = launch(dir.path(), &["check", "."]);
    let said = text(&checked.stdout);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("no-future-reads broken"), "{said}");

    let bad = history.concat().replace(r#""amount":4"#, r#""amount":"4""#);
    fs::write(dir.path().join("history.jsonl"), bad).expect("written");
    let checked = launch(dir.path(), &["check", "."]);
    assert_eq!(checked.status.code(), Some(2));
    let said = text(&checked.stderr);
    assert!(
        said.contains("history.jsonl, line 2: field `action.amount`: "),
        "{said}"
    );
}
