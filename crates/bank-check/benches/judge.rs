//! Speed of the judge and of reading a history: `cargo bench -p bank-check --bench judge`.
//!
//! It takes about two minutes with the build. An argument selects benchmarks by name, such as `-- judge_run`.

#[path = "../tests/run/model.rs"]
#[allow(dead_code)]
mod model;

use bank_check::verdict::Outcome;
use bank_check::{History, Options, judge, overall};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

/// Numbers of operations. The time per operation shows that the judge is near-linear.
const OPERATIONS: &[usize] = &[10_000, 100_000, 1_000_000];
const BRANCHES: u32 = 3;

fn main() {
    divan::main();
}

fn history(operations: usize) -> History {
    model::history(model::Shape {
        seed: 1,
        operations,
        sessions: 64,
        branches: BRANCHES,
        powers: false,
    })
}

/// Judges a run for every guarantee.
#[divan::bench(args = OPERATIONS, sample_count = 5, sample_size = 1)]
fn judge_run(bencher: Bencher<'_, '_>, operations: usize) {
    let history = history(operations);
    let options = Options::default();
    assert_eq!(overall(&judge(&history, &options)), Outcome::Pass);
    bencher
        .counter(ItemsCount::new(history.operations.len()))
        .bench_local(|| judge(&history, &options));
}

/// Parses the files of a run folder.
#[divan::bench(args = OPERATIONS, sample_count = 5, sample_size = 1)]
fn parse_run(bencher: Bencher<'_, '_>, operations: usize) {
    let history = history(operations);
    let text = history.lines();
    let journals: Vec<(String, String)> = history
        .journals
        .iter()
        .map(|journal| (format!("branch-{}.jsonl", journal.branch), journal.lines()))
        .collect();
    let named: Vec<(String, &str)> = journals
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str()))
        .collect();
    let bytes = text.len() + journals.iter().map(|(_, text)| text.len()).sum::<usize>();
    assert_eq!(History::parse(&text, &named).as_ref(), Ok(&history));
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| History::parse(&text, &named));
}
