//! Results as a page, made by `bank-report`.

use super::results::Results;
use super::table;
use bank_report::bench::{BenchRepeat, BenchReport, BenchTable};

/// The HTML of the page.
pub fn html(results: &Results) -> String {
    let machine = &results.machine;
    let facts = [
        ("run", Some(results.started.clone())),
        ("host", Some(machine.host())),
        ("launcher", Some(machine.launcher.clone())),
        ("branchd", machine.branchd.clone()),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let tables = [
        ("Repeats", table::repeats(results)),
        ("Processor time, writes, syncs and memory", table::costs(results)),
    ];
    let tables = tables.map(|(caption, (head, rows))| BenchTable {
        caption: caption.to_owned(),
        head,
        rows,
    });
    let repeats = results.repeats.iter().map(|repeat| BenchRepeat {
        quantiles: repeat.quantiles.clone(),
        slice_ms: repeat.slice_ms,
        slices: repeat
            .slice_operations
            .iter()
            .copied()
            .zip(repeat.slice_longest_us.iter().copied())
            .collect(),
    });
    bank_report::bench::render(&BenchReport {
        title: format!("launcher bench: {}", results.settings.op.word()),
        sentences: std::iter::once(table::in_words(&results.settings))
            .chain(table::notes(results))
            .collect(),
        facts: facts.collect(),
        tables: tables.to_vec(),
        repeats: repeats.collect(),
    })
}
