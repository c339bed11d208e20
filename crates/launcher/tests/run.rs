//! `launcher run` and `launcher check` on the command line, with real branches and customers. Needs `branchd` and
//! `customer-cli` beside the launcher: `cargo build --workspace`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `launcher`, in a directory of its own.
struct Launcher {
    dir: tempfile::TempDir,
}

fn inputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inputs")
}

fn expected(name: &str) -> serde_json::Value {
    json(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/expected_{name}")))
}

fn json(path: &Path) -> serde_json::Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Launcher {
    fn new() -> Self {
        Launcher {
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn launch(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .expect("launcher runs")
    }

    fn run(&self, input: &Path, args: &[&str]) -> Output {
        let input = input.to_str().expect("UTF-8");
        self.launch(&[&["run", input, "--base-port", "auto"], args].concat())
    }

    /// Runs an input of this test's own.
    fn run_text(&self, input: &str, args: &[&str]) -> Output {
        let path = self.path("input.json");
        fs::write(&path, input).expect("written");
        self.run(&path, args)
    }

    fn check(&self, output: &str, input: &Path, args: &[&str]) -> Output {
        self.launch(&[&["check", output, "--input", input.to_str().expect("UTF-8")], args].concat())
    }

    fn customer(&self, args: &str) -> Output {
        let programs = bank_cluster::Programs::beside_this_one().expect("built");
        let mut command = Command::new(programs.customer_cli);
        command.args(args.split(' ')).current_dir(self.dir.path());
        command.output().expect("customer-cli runs")
    }

    /// Everything that lies in the directory, apart from the input.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("listed");
        let names = entries.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "input.json").collect()
    }
}

fn assert_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn each_input_gives_its_expected_output() {
    let names = fs::read_dir(inputs())
        .expect("listed")
        .map(|entry| entry.expect("listed").file_name());
    let names: BTreeSet<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let launcher = Launcher::new();
        let input = inputs().join(&name);
        let ran = launcher.run(&input, &[]);
        assert_code(&ran, 0);
        let wanted = match name.as_str() {
            "input_big.json" => expected("output_big.json"),
            name => expected(name),
        };
        assert_eq!(json(&launcher.path("outputs/output.json")), wanted, "{name}");
        assert!(
            text(&ran.stdout).contains("\n✓ read-your-writes held: "),
            "{}",
            text(&ran.stdout)
        );
        assert_code(&launcher.check("outputs/output.json", &input, &[]), 0);
        assert_code(&launcher.check("outputs/output.json", &input, &["--concurrent"]), 0);
    }
}

#[test]
fn the_reports_run_ends_with_its_checkers_line_and_leaves_its_folder() {
    let launcher = Launcher::new();
    let ran = launcher.run(&inputs().join("input_big.json"), &["--dir", "here", "--json"]);
    assert_code(&ran, 0);
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("one JSON object");
    assert_eq!(report["conclusion"], "consistent");
    assert_eq!(
        report["cross_branch"],
        "19 out of 19 cross-branch query events are correct."
    );
    assert_eq!((&report["branches"], &report["events"]), (&10.into(), &60.into()));
    for verdict in report["verdicts"].as_array().expect("verdicts") {
        let nothing = verdict["judged"] == 0 && verdict["by"] == "history";
        let expected = if nothing { "unknown" } else { "pass" };
        assert_eq!(verdict["outcome"], expected, "{verdict}");
    }
    let wanted = [
        "input.json",
        "output.json",
        "bank.json",
        "state.json",
        "branch-10/log",
        "customers/customer-1.log",
    ];
    for name in wanted {
        assert!(launcher.path("here").join(name).exists(), "{name}");
    }
    assert_eq!(
        json(&launcher.path("here/output.json")),
        json(&launcher.path("outputs/output.json"))
    );
    // The folder is in use now.
    assert_code(&launcher.run(&inputs().join("input_big.json"), &["--dir", "here"]), 2);
}

#[test]
fn every_level_propagation_and_form() {
    let launcher = Launcher::new();
    let input = inputs().join("three_customers.json");
    for args in [
        "--level read-your-writes",
        "--level session --propagation all",
        "--level strong --voters 1",
        "--level eventual --propagation all",
        "--output-format customers --output a/b/customers.json",
        "--output-format balances --output balances.json",
    ] {
        let ran = launcher.run(&input, &args.split(' ').collect::<Vec<_>>());
        assert_code(&ran, 0);
    }
    for output in ["a/b/customers.json", "balances.json"] {
        assert_code(&launcher.check(output, &input, &[]), 0);
    }
    assert_eq!(
        json(&launcher.path("a/b/customers.json")).as_array().map(Vec::len),
        Some(3)
    );
    let balances = r#"[{"id":1,"balance":150},{"id":2,"balance":120},{"id":3,"balance":107}]"#;
    assert_eq!(
        json(&launcher.path("balances.json")),
        serde_json::from_str::<serde_json::Value>(balances).expect("JSON")
    );
}

/// Each of `customers` deposits 3 and withdraws 1 at every branch in turn, and queries after each; the last one comes
/// back.
fn crowd(customers: u32, branches: u32) -> String {
    let branch = |n| format!(r#"{{"id":{n},"type":"branch","balance":50}}"#);
    let events = |customer: u32| {
        let at = |n: u32| (customer + n) % branches + 1;
        let event = |n| {
            format!(
                r#"{{"interface":"deposit","branch":{},"money":3}},{{"interface":"query","branch":{}}},
                   {{"interface":"withdraw","branch":{},"money":1}},{{"interface":"query","branch":{}}}"#,
                at(n),
                at(n + 1),
                at(n),
                at(n + 2)
            )
        };
        (0..branches).map(event).collect::<Vec<_>>().join(",")
    };
    let customer = |n: u32| format!(r#"{{"id":{n},"type":"customer","events":[{}]}}"#, events(n));
    let branches_then_customers: Vec<String> = (1..=branches)
        .map(branch)
        .chain((1..=customers).map(customer))
        .chain([customer(customers)])
        .collect();
    format!("[{}]", branches_then_customers.join(",\n"))
}

#[test]
fn a_crowd_at_once_sees_its_own_writes() {
    let launcher = Launcher::new();
    for args in [
        vec!["--concurrent"],
        vec!["--concurrent", "--propagation", "all", "--level", "eventual"],
    ] {
        let ran = launcher.run_text(&crowd(6, 4), &args);
        assert_code(&ran, 0);
        let output = json(&launcher.path("outputs/output.json"));
        let entries = output.as_array().expect("an array");
        assert_eq!(entries.len(), 7 * 16);
        // The input's order, whatever ran first.
        let ids: Vec<u64> = entries
            .iter()
            .map(|entry| entry["id"].as_u64().expect("an id"))
            .collect();
        let wanted: Vec<u64> = [1, 2, 3, 4, 5, 6, 6].iter().flat_map(|&id| [id; 16]).collect();
        assert_eq!(ids, wanted);
        assert_code(
            &launcher.check("outputs/output.json", &launcher.path("input.json"), &["--concurrent"]),
            0,
        );
    }
}

#[test]
fn the_sevens_are_caught() {
    let launcher = Launcher::new();
    let input = inputs().join("input_big.json");
    let mut output = expected("output_big.json");
    for entry in output.as_array_mut().expect("an array") {
        if let Some(balance) = entry["recv"][0].get_mut("balance") {
            *balance = 7.into();
        }
    }
    fs::write(launcher.path("sevens.json"), output.to_string()).expect("written");
    let checked = launcher.check("sevens.json", &input, &["--verbose"]);
    assert_code(&checked, 1);
    let said = text(&checked.stdout);
    for words in [
        "Consistent balance between branch 1 and branch 2. Balance=7\n",
        "\n19 out of 19 cross-branch query events are correct.\n\nNOT consistent: read-your-writes failed\n",
        "customer 1's query at branch 1 (event 1) answered 7; it had to be 0",
        "\n  read-your-writes              fail ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn an_output_of_another_program_is_judged_or_refused_by_its_place() {
    let launcher = Launcher::new();
    let input = inputs().join("input_big.json");
    let right = expected("output_big.json");
    let entries = right
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| entry.to_string() + "\n");
    let loud = entries.collect::<String>().replace("\"success\"", "\"SUCCESS\"");
    fs::write(launcher.path("loud.jsonl"), &loud).expect("written");
    let checked = launcher.check("loud.jsonl", &input, &[]);
    assert_code(&checked, 0);
    let said = text(&checked.stdout);
    // A note is wrapped at 80 columns.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let note = "note: read several values, one after another, as one array (once), \"SUCCESS\" as success (20 times)";
    assert!(said.contains(note), "{said}");

    fs::write(
        launcher.path("doubtful.jsonl"),
        loud.replacen("\"SUCCESS\"", "\"maybe\"", 1),
    )
    .expect("written");
    for (output, input, expected) in [
        ("doubtful.jsonl", &input, "doubtful.jsonl:2:"),
        (
            "doubtful.jsonl",
            &input,
            ": entry no. 2, event no. 1: \"result\" is \"maybe\", which has no reading",
        ),
        ("none.json", &input, "none.json: there is no such file"),
        (".", &input, ".: it is a folder"),
        (
            "loud.jsonl",
            &launcher.path("loud.jsonl"),
            "there is another value after the first",
        ),
    ] {
        let checked = launcher.check(output, input, &[]);
        assert_code(&checked, 2);
        assert!(text(&checked.stderr).contains(expected), "{checked:?}");
    }
    let checked = launcher.launch(&["check", input.to_str().expect("UTF-8")]);
    assert_code(&checked, 2);
    assert!(
        text(&checked.stderr).contains("this is an input, not an output"),
        "{checked:?}"
    );
}

#[test]
fn a_wrong_input_leaves_nothing() {
    for (input, args, expected) in [
        ("", vec![], "input.json:1:1: the file is empty"),
        ("[{\"id\":1,\"type\":\"branch\",\"balance\":0},]", vec![], "remove it"),
        (
            r#"[{"id":1,"type":"branch","balance":0},
                {"id":1,"type":"customer","events":[{"id":6,"interface":"query","branch":2}]}]"#,
            vec![],
            "input.json:2:90: customer 1, event 6: there is no branch 2",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0},
                {"type":"fault","at":"0ms","kill":{"branch":2}}]"#,
            vec![],
            "input.json:2:61: fault no. 1, \"kill\": there is no branch 2",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--voters", "2"],
            "the input has 1",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--timeout", "5h"],
            "write a duration",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--level", "some"],
            "possible values",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--output", "/dev/null"],
            "not a regular file; name another file with --output",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--output", "./input.json"],
            "./input.json cannot be written: the run reads the same file",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--dir", "new", "--output", "new/history.jsonl"],
            "is a run folder, and keeps its own records there",
        ),
        (
            r#"[{"id":1,"type":"branch","balance":0}]"#,
            vec!["--timeout", "2m"],
            "write a duration from 1ms to 60s",
        ),
    ] {
        let launcher = Launcher::new();
        let ran = launcher.run_text(input, &[args, vec!["--json"]].concat());
        assert_code(&ran, 2);
        let said = text(&ran.stderr);
        assert!(said.contains(expected), "{said}\n{expected}");
        let report: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("one JSON object");
        assert_eq!(report["conclusion"], "usage-error", "{report}");
        let error = report["error"].as_str().expect("an error");
        assert!(
            said.contains(error.split(" [").next().expect("words")),
            "{error}: {said}"
        );
        assert_eq!(launcher.files(), Vec::<String>::new(), "{said}");
    }
}

#[test]
fn an_input_on_stdin_and_an_output_on_stdout() {
    let launcher = Launcher::new();
    let input = fs::File::open(inputs().join("two_branches.json")).expect("an input");
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command
        .args(["run", "-", "--base-port", "auto", "--output", "-"])
        .current_dir(launcher.dir.path())
        .stdin(input);
    let ran = command.output().expect("launcher runs");
    assert_code(&ran, 0);
    let output: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("the output alone");
    assert_eq!(output, expected("two_branches.json"));
    assert!(
        text(&ran.stderr).contains("read-your-writes held"),
        "{}",
        text(&ran.stderr)
    );
    assert!(!launcher.path("outputs/output.json").exists());

    // Both cannot come from stdin, and its text is named by what it is.
    assert_code(&launcher.launch(&["check", "-", "--input", "/dev/stdin"]), 2);
    let empty = launcher.launch(&["run", "-"]);
    assert_code(&empty, 2);
    assert!(
        text(&empty.stderr).contains("stdin:1:1: the file is empty"),
        "{}",
        text(&empty.stderr)
    );
}

#[test]
fn ports_are_looked_at_before_anything_starts() {
    let launcher = Launcher::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = (held.local_addr().expect("bound").port() - 1).to_string();
    let input = inputs().join("two_branches.json");
    let input = input.to_str().expect("UTF-8");
    for (base, expected) in [(base.as_str(), "of branch 1 is taken by "), ("65534", "past 65535")] {
        let ran = launcher.launch(&["run", input, "--base-port", base]);
        assert_code(&ran, 2);
        let said = text(&ran.stderr);
        assert!(said.contains(expected) && said.contains("--base-port auto"), "{said}");
        assert_eq!(launcher.files(), Vec::<String>::new());
    }
}

#[test]
fn the_bank_of_a_run_that_is_kept_is_a_live_bank() {
    let launcher = Launcher::new();
    // The relays of the run end with it, and the live bank has its own.
    let input = r#"[{"id":1,"type":"branch","balance":400},{"id":2,"type":"branch","balance":400},
        {"id":1,"type":"customer","events":[{"id":1,"interface":"query","branch":2}]},
        {"type":"fault","at":"0ms","delay":{"from":1,"to":2,"by":"1ms"}}]"#;
    let ran = launcher.run_text(input, &["--keep", "--dir", "kept"]);
    assert_code(&ran, 0);
    let said = text(&ran.stdout);
    for command in [
        "launcher status --dir kept\n",
        "launcher down --dir kept\n",
        "--bank kept/bank.json query\n",
    ] {
        assert!(said.contains(command), "{said}");
    }
    let asked = launcher.customer("--bank kept/bank.json --branch 2 --json query");
    let status = text(&launcher.launch(&["status", "--dir", "kept"]).stdout);
    let cut = launcher.launch(&["cut", "1-2", "--dir", "kept"]);
    let down = launcher.launch(&["down", "--dir", "kept"]);
    assert!(text(&asked.stdout).contains("400"), "{asked:?}");
    assert!(status.contains("127.0.0.1:"), "{status}");
    assert_code(&cut, 0);
    assert_code(&down, 0);
    assert_code(&launcher.launch(&["status", "--dir", "kept"]), 1);
}

#[test]
fn completions_and_help() {
    let launcher = Launcher::new();
    assert!(text(&launcher.launch(&["completions", "bash"]).stdout).contains("launcher"));
    let help = launcher.launch(&["--help"]);
    assert_code(&help, 0);
    assert!(text(&help.stdout).contains("launcher run inputs/input_big.json"));
    for verb in ["run", "check"] {
        let help = text(&launcher.launch(&[verb, "--help"]).stdout);
        assert!(help.contains("\n  3  not finished: "), "{help}");
    }
    assert_code(&launcher.launch(&["walk"]), 2);
}

#[test]
fn too_few_open_files_are_said_once_and_the_soft_limit_does_not_matter() {
    let launcher = Launcher::new();
    let input = inputs().join("two_branches.json");
    let run = |limit: &str| {
        let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_launcher"), "run"]);
        command.arg(&input).args(["--base-port", "auto"]);
        command.current_dir(launcher.dir.path()).output().expect("sh runs")
    };
    let ran = run("-n 64");
    assert_code(&ran, 3);
    let said = text(&ran.stderr);
    assert!(
        said.starts_with("launcher: not finished: this run needs up to ") && said.contains("the limit is 64; raise it"),
        "{said}"
    );
    assert_eq!((said.lines().count(), launcher.files()), (1, Vec::new()), "{said}");
    assert_code(&run("-S -n 64"), 0);
}
