//! Results as text, as JSON and compared, on a result that is made up.

use super::accounts::Accounts;
use super::compare::Comparison;
use super::figures::{self, Pick};
use super::json;
use super::machine::Machine;
use super::results::{Books, BranchMemory, BranchWork, FORMAT, Figures, Repeat, Results};
use super::settings::{Limit, Op, Settings};
use super::{page, text};
use bank_client::Propagation;
use std::fs;
use std::path::PathBuf;

fn settings() -> Settings {
    Settings {
        branches: 3,
        clients: 64,
        op: Op::Deposit,
        level: None,
        accounts: Accounts::Many(200),
        window: None,
        propagation: Some(Propagation::Quorum),
        rate: None,
        warm_up_ms: 2_000,
        limit: Limit::DurationMs(10_000),
        load_threads: 1,
        timeout_ms: 10_000,
        own_bank: true,
        tls: false,
    }
}

fn repeat(operations_per_second: f64, p50_us: u64) -> Repeat {
    let work = |branch| BranchWork {
        branch,
        cpu_us_per_operation: Some(11.37),
        written_bytes_per_operation: Some(512.0),
        syncs_per_operation: Some(0.031),
    };
    Repeat {
        figures: Figures {
            operations_per_second,
            p50_us,
            p99_us: 6_500,
            p999_us: 12_345,
            max_us: 131_071,
            branch_cpu_us_per_operation: Some(34.11),
            load_cpu_us_per_operation: Some(15.0),
            written_bytes_per_operation: Some(1536.0),
            syncs_per_operation: Some(0.093),
            operations: 184_000,
            ..Figures::default()
        },
        seconds: 10.0,
        first_problem: None,
        branches: [1, 2, 3].map(work).to_vec(),
        quantiles: vec![(0.0, 400), (0.5, p50_us), (1.0, 131_071)],
        slice_ms: 100,
        slice_operations: vec![1840; 3],
        slice_longest_us: vec![6_500; 3],
    }
}

fn results(repeats: Vec<Repeat>) -> Results {
    Results {
        format: FORMAT,
        median: figures::over(&repeats, Pick::Median),
        lowest: figures::over(&repeats, Pick::Lowest),
        highest: figures::over(&repeats, Pick::Highest),
        settings: settings(),
        machine: Machine {
            processor: Some("AMD EPYC".to_owned()),
            cores: 2,
            kernel: "Linux 6.18.0".to_owned(),
            file_system: Some("ext4".to_owned()),
            launcher: "0.1.0 (commit 0123456)".to_owned(),
            branchd: Some("0.1.0".to_owned()),
        },
        started: "2026-11-28T06:00:00Z".to_owned(),
        interrupted: false,
        books: Some(Books {
            accounts: 201,
            sum: 552_000,
            paid_in: 0,
            moved: 552_000,
            doubtful: 0,
            position: 552_201,
        }),
        error: None,
        branches: [1, 2, 3]
            .map(|branch| BranchMemory {
                branch,
                leads: branch == 2,
                idle_bytes: Some(12_700_000),
                after_bytes: None,
            })
            .to_vec(),
        repeats,
    }
}

fn three() -> Results {
    results(vec![
        repeat(18_400.0, 3_210),
        repeat(21_700.4, 2_900),
        repeat(1_234_567.0, 9_999),
    ])
}

#[test]
fn people_read_a_table_of_80_columns() {
    let text = text(&three());
    insta::assert_snapshot!(text, @r"
    deposit: 3 branches, 64 clients on 1 thread, accounts many:200, writes wait for
    quorum, closed loop, 10 s after a warm-up of 2 s
    AMD EPYC, 2 cores, Linux 6.18.0, data on ext4

    repeat       ops/s      p50      p99    p99.9     max  refused  failed
    1           18,400  3.21 ms  6.50 ms  12.3 ms  131 ms        0       0
    2           21,700  2.90 ms  6.50 ms  12.3 ms  131 ms        0       0
    3        1,234,567  10.0 ms  6.50 ms  12.3 ms  131 ms        0       0
    median      21,700  3.21 ms  6.50 ms  12.3 ms  131 ms        0       0
    lowest      18,400  2.90 ms  6.50 ms  12.3 ms  131 ms        0       0
    highest  1,234,567  10.0 ms  6.50 ms  12.3 ms  131 ms        0       0

                      processor/op  written/op  syncs/op  memory idle  memory after
    branch 1               11.4 µs       512 B     0.031     12.1 MiB       unknown
    branch 2 (leads)       11.4 µs       512 B     0.031     12.1 MiB       unknown
    branch 3               11.4 µs       512 B     0.031     12.1 MiB       unknown
    all branches           34.1 µs     1,536 B     0.093
    the load               15.0 µs

    books checked: 201 accounts hold 552000, which is 0 paid in before and 552000 by
    the operations; 3 branches agree at position 552201
    ");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_went_wrong_is_told() {
    let mut results = results(vec![repeat(18_400.0, 3_210)]);
    results.repeats[0].figures.unsent = 12_000;
    results.repeats[0].first_problem = Some("branch 2 is down".to_owned());
    results.machine.file_system = Some("tmpfs".to_owned());
    results.books = None;
    results.error = Some("the books are WRONG".to_owned());
    let text = text(&results).replace('\n', " ");
    for words in [
        "was not done: branch 2 is down",
        "the rate was not reached: 12,000 operations",
        "(tmpfs)",
        "the books are WRONG",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("median"), "{text}");
}

#[test]
fn line_tools_find_the_overall_figures_in_the_document() {
    let results = three();
    let text = json::write(&results);
    for line in [
        "\"operations_per_second\":21700.4,",
        "\"p50_us\":3210,",
        "\"p99_us\":6500,",
        "\"p999_us\":12345,",
        "\"max_us\":131071,",
        "\"branch_cpu_us_per_operation\":34.11,",
        "\"load_cpu_us_per_operation\":15.0,",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert_eq!(json::read(&text).expect("read back"), results);
}

#[test]
fn a_document_of_another_kind_or_version_is_refused() {
    let other = json::write(&Results {
        format: FORMAT + 1,
        ..three()
    });
    for (text, words) in [
        ("", "not a result of `launcher bench --json`"),
        ("{}", "not a result of `launcher bench --json`"),
        (other.as_str(), "it has format 2"),
    ] {
        let error = json::read(text).expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// Files with these results, in a directory that is removed at the end.
fn files(results: &[&Results]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = (0..).zip(results).map(|(number, results)| {
        let path = dir.path().join(format!("{number}.json"));
        fs::write(&path, json::write(results)).expect("written");
        path
    });
    let paths = paths.collect();
    (dir, paths)
}

#[test]
fn a_ratio_has_a_spread() {
    let (before, after) = (
        results(vec![repeat(10_000.0, 4_000), repeat(20_000.0, 2_000)]),
        results(vec![repeat(30_000.0, 1_000)]),
    );
    let (_dir, paths) = files(&[&before, &after]);
    let comparison = Comparison::of_files(&paths[0], &paths[1]).expect("compared");
    let text = comparison.text();
    let (about, table) = text.split_once("\n\n").expect("a table");
    insta::assert_snapshot!(table, @r"
                                  A        B  B to A  lowest  highest
    ops/s                    15,000   30,000    2.00    1.50     3.00
    p50                     3.00 ms  1.00 ms    0.33    0.25     0.50
    p99                     6.50 ms  6.50 ms    1.00    1.00     1.00
    p99.9                   12.3 ms  12.3 ms    1.00    1.00     1.00
    max                      131 ms   131 ms    1.00    1.00     1.00
    processor/op, branches  34.1 µs  34.1 µs    1.00    1.00     1.00
    processor/op, load      15.0 µs  15.0 µs    1.00    1.00     1.00
    written/op              1,536 B  1,536 B    1.00    1.00     1.00
    syncs/op                  0.093    0.093    1.00    1.00     1.00
    ");
    for words in ["0.json, 2 repeats", "1.json, 1 repeat (no spread)"] {
        assert!(about.contains(words), "{words}: {about}");
    }
    assert!(!about.contains("hosts differ"), "{about}");
    let json: serde_json::Value = serde_json::from_str(&comparison.json()).expect("JSON");
    let expected = serde_json::json!({"a": 15000.0, "b": 30000.0, "ratio": 2.0, "lowest": 1.5, "highest": 3.0});
    assert_eq!(json["operations_per_second"], expected);
    assert_eq!(json["b"]["started"], "2026-11-28T06:00:00Z");
}

#[test]
fn results_of_different_settings_are_not_compared() {
    let (a, mut b) = (three(), three());
    b.settings.clients = 1;
    b.settings.limit = Limit::Operations(200);
    let (_dir, paths) = files(&[&a, &b]);
    let error = Comparison::of_files(&paths[0], &paths[1])
        .expect_err("different")
        .to_string();
    assert!(
        error.contains("clients 64 and 1, limit {\"duration_ms\":10000} and {\"operations\":200}"),
        "{error}"
    );
}

#[test]
fn a_page_has_the_table_and_the_charts() {
    let page = page::html(&three());
    assert_eq!(page.matches("class=\"throughput\"").count(), 3);
    for words in ["21,700", "books checked", "AMD EPYC, 2 cores"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}
