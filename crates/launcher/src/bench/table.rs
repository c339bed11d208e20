//! Results as text for people, in 80 columns.

use super::figures;
use super::results::{BranchWork, Figures, Results};
use super::settings::{Limit, Settings};
use crate::terminal::format::{WIDTH, wrapped};
use std::fmt::Write as _;

/// The whole text.
pub fn text(results: &Results) -> String {
    let mut text = about(results);
    text += &repeats(results);
    text += "\n";
    text += &costs(results);
    text += "\n";
    text += &notes(results);
    text
}

/// What was measured, and where.
fn about(results: &Results) -> String {
    let machine = &results.machine;
    let host = [
        machine.processor.clone(),
        Some(format!("{} cores", machine.cores)),
        Some(machine.kernel.clone()),
        machine.file_system.as_ref().map(|kind| format!("data on {kind}")),
    ];
    let host: Vec<String> = host.into_iter().flatten().collect();
    let mut text = String::new();
    for line in [in_words(&results.settings), host.join(", ")] {
        text += &wrapped(&line, 0, WIDTH);
        text += "\n";
    }
    text + "\n"
}

/// The settings in one sentence.
pub(super) fn in_words(settings: &Settings) -> String {
    let Settings {
        branches,
        clients,
        op,
        accounts,
        load_threads,
        ..
    } = settings;
    let op = op.word();
    let level = settings.level.map(|level| format!(", reads at {level}"));
    let propagation = settings
        .propagation
        .map(|propagation| format!(", writes wait for {propagation}"));
    let pace = match settings.rate {
        None => "closed loop".to_owned(),
        Some(rate) => format!("open loop of {rate} a second"),
    };
    let length = match settings.limit {
        Limit::DurationMs(ms) => seconds(ms),
        Limit::Operations(operations) => format!("{} operations", thousands(operations)),
    };
    format!(
        "{op}: {branches} branches, {clients} clients on {load_threads} threads, accounts {accounts}{}{}, {pace}, {length} \
         after a warm-up of {}",
        level.unwrap_or_default(),
        propagation.unwrap_or_default(),
        seconds(settings.warm_up_ms),
    )
}

/// A row for each repeat, and the median and the spread over several.
fn repeats(results: &Results) -> String {
    let mut text = row(
        "repeat",
        ["ops/s", "p50", "p99", "p99.9", "max", "refused", "failed"].map(str::to_owned),
    );
    for (number, repeat) in (1..).zip(&results.repeats) {
        text += &row(&format!("{number}"), cells(&repeat.figures));
    }
    if results.repeats.len() > 1 {
        for (name, figures) in [
            ("median", &results.median),
            ("lowest", &results.lowest),
            ("highest", &results.highest),
        ] {
            text += &row(name, cells(figures));
        }
    }
    text
}

fn cells(figures: &Figures) -> [String; 7] {
    [
        thousands(figures.operations_per_second.round() as u64),
        latency(figures.p50_us),
        latency(figures.p99_us),
        latency(figures.p999_us),
        latency(figures.max_us),
        thousands(figures.refused),
        thousands(figures.failed + figures.unknown + figures.unsent),
    ]
}

fn row(name: &str, cells: [String; 7]) -> String {
    let mut line = format!("{name:<8}");
    for (cell, width) in cells.iter().zip([10, 10, 10, 10, 10, 10, 10]) {
        // Writing to a string cannot fail.
        let _ = write!(line, "{cell:>width$}");
    }
    line.trim_end().to_owned() + "\n"
}

/// Processor time, bytes and memory.
fn costs(results: &Results) -> String {
    let mut text = cost_row(
        "",
        ["processor/op", "written/op", "memory idle", "memory after"].map(str::to_owned),
    );
    for (index, branch) in results.branches.iter().enumerate() {
        let leads = if branch.leads { " (leads)" } else { "" };
        let work = |of: fn(&BranchWork) -> Option<f64>| {
            let repeats = results.repeats.iter().filter_map(|repeat| repeat.branches.get(index));
            let values: Option<Vec<f64>> = repeats.map(of).collect();
            values.and_then(figures::median)
        };
        text += &cost_row(
            &format!("branch {}{leads}", branch.branch),
            [
                micros(work(|work| work.cpu_us_per_operation)),
                bytes(work(|work| work.written_bytes_per_operation)),
                mib(branch.idle_bytes),
                mib(branch.after_bytes),
            ],
        );
    }
    let median = &results.median;
    let branches = [
        micros(median.branch_cpu_us_per_operation),
        bytes(median.written_bytes_per_operation),
    ];
    let [cpu, written] = branches;
    text += &cost_row("all branches", [cpu, written, String::new(), String::new()]);
    let load = micros(median.load_cpu_us_per_operation);
    text += &cost_row("the load", [load, String::new(), String::new(), String::new()]);
    text
}

fn cost_row(name: &str, cells: [String; 4]) -> String {
    let mut line = format!("{name:<18}");
    for cell in cells {
        let _ = write!(line, "{cell:>14}");
    }
    line.trim_end().to_owned() + "\n"
}

/// What else a reader has to know.
fn notes(results: &Results) -> String {
    let mut notes = Vec::new();
    let problem = results.repeats.iter().find_map(|repeat| repeat.first_problem.as_ref());
    notes.extend(problem.map(|problem| format!("the first problem: {problem}")));
    let unsent: u64 = results.repeats.iter().map(|repeat| repeat.figures.unsent).sum();
    if unsent > 0 {
        let unsent = thousands(unsent);
        notes.push(format!(
            "the rate was not reached: {unsent} operations could not begin in time"
        ));
    }
    if results.machine.file_system.as_deref() == Some("tmpfs") {
        notes.push("the data is in memory (tmpfs), where a sync costs nothing; choose a disk with --data".to_owned());
    }
    if results.interrupted {
        notes.push("stopped by a signal: the last repeat is shorter than it should be".to_owned());
    }
    notes.push(match &results.books {
        Some(books) => format!(
            "books checked: {} accounts hold {}, which is {} paid in before and {} by the operations{}; {} branches agree at \
             position {}",
            books.accounts,
            books.sum,
            books.paid_in,
            books.moved,
            match books.doubtful {
                0 => String::new(),
                doubtful => format!(", within {doubtful} of unknown outcome"),
            },
            results.branches.len(),
            books.position
        ),
        None => "books not checked".to_owned(),
    });
    notes.iter().map(|note| wrapped(note, 0, WIDTH) + "\n").collect()
}

/// A number with its digits in groups of three.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A latency in milliseconds with three digits: `0.62 ms`, `31.2 ms`, `410 ms`.
pub(super) fn latency(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match us {
        0..10_000 => format!("{ms:.2} ms"),
        10_000..100_000 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

fn seconds(ms: u64) -> String {
    format!("{} s", ms as f64 / 1000.0)
}

const NOT_MEASURED: &str = "not measured";

fn micros(us: Option<f64>) -> String {
    us.map_or(NOT_MEASURED.to_owned(), |us| format!("{us:.1} µs"))
}

fn bytes(bytes: Option<f64>) -> String {
    bytes.map_or(NOT_MEASURED.to_owned(), |bytes| {
        format!("{} B", thousands(bytes.round() as u64))
    })
}

fn mib(bytes: Option<u64>) -> String {
    bytes.map_or(NOT_MEASURED.to_owned(), |bytes| {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    })
}
