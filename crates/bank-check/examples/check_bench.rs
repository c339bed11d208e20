//! How fast a run is judged: `cargo run --release -p bank-check --example check_bench [OPERATIONS [BRANCHES]]`.

#[path = "../tests/run/model.rs"]
#[allow(dead_code)]
mod model;

use bank_check::verdict::Outcome;
use bank_check::{History, Options, judge, overall};
use std::time::Instant;

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let operations = numbers.first().copied().unwrap_or(1_000_000);
    let branches = numbers.get(1).copied().unwrap_or(3);
    let shape = model::Shape {
        seed: 1,
        operations: operations as usize,
        sessions: 64,
        branches,
        powers: false,
    };
    let history = model::history(shape);
    let count = history.operations.len();
    let entries: usize = history.journals.iter().map(|journal| journal.applied.len()).sum();
    println!("{count} operations; {entries} entries in the journals of {branches} branches");

    let begun = Instant::now();
    let verdicts = judge(&history, &Options::default());
    let judged = begun.elapsed().as_secs_f64();
    println!("judged in {judged:.2} s: {:.0} operations/s", count as f64 / judged);

    let text = history.lines();
    let journals = history.journals.iter().map(|journal| journal.lines());
    let journals: Vec<String> = journals.collect();
    let bytes = text.len() + journals.iter().map(String::len).sum::<usize>();
    let named: Vec<(String, &str)> = history
        .branches
        .iter()
        .zip(&journals)
        .map(|(branch, text)| (format!("branch-{branch}.jsonl"), text.as_str()))
        .collect();
    let begun = Instant::now();
    let parsed = History::parse(&text, &named);
    let seconds = begun.elapsed().as_secs_f64();
    println!("read in {seconds:.2} s: {} MB", bytes / 1_000_000);
    if parsed.as_ref() != Ok(&history) {
        println!("what was read is not what was written");
    }
    for verdict in &verdicts {
        println!(
            "{:>8}  {} ({} {})",
            verdict.outcome().word(),
            verdict.guarantee,
            verdict.judged,
            verdict.unit
        );
    }
    if overall(&verdicts) != Outcome::Pass {
        std::process::exit(1);
    }
}
