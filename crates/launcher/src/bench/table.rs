//! Results as text for people, in 80 columns.

use super::figures;
use super::results::{BranchWork, Figures, Results};
use super::settings::{Limit, Settings};
use crate::terminal::format::{WIDTH, count, wrapped};

/// The names of the columns, and the rows. The first cell of a row is its name.
pub(super) type Table = (Vec<String>, Vec<Vec<String>>);

/// The whole text.
pub fn text(results: &Results) -> String {
    [
        lines([in_words(&results.settings), results.machine.host()]),
        layout(&repeats(results)),
        layout(&costs(results)),
        lines(notes(results)),
    ]
    .join("\n")
}

/// Texts as lines of the usual width.
pub(super) fn lines(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().map(|text| wrapped(&text, 0, WIDTH) + "\n").collect()
}

/// A table as text. Names are at the left, and all other cells at the right of their columns.
pub(super) fn layout((head, rows): &Table) -> String {
    let all = || std::iter::once(head).chain(rows);
    let width = |column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        });
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    all().map(line).collect()
}

/// The settings in one sentence.
pub(super) fn in_words(settings: &Settings) -> String {
    let counted = |number: u32, one, many| count(number as usize, one, many);
    let level = settings.level.map(|level| format!(", reads at {level}"));
    let propagation = settings
        .propagation
        .map(|propagation| format!(", writes wait for {propagation}"));
    let tls = if settings.tls { ", with TLS" } else { "" };
    let window = settings
        .window
        .map(|window| format!(", a window of {} writes", thousands(window.into())));
    let pace = match settings.rate {
        None => "closed loop".to_owned(),
        Some(rate) => format!("open loop of {} a second", thousands(rate.into())),
    };
    let length = match settings.limit {
        Limit::DurationMs(ms) => seconds(ms),
        Limit::Operations(operations) => format!("{} operations", thousands(operations)),
    };
    format!(
        "{}: {}, {} on {}, accounts {}{}{}{}{tls}, {pace}, {length} after a warm-up of {}",
        settings.op.word(),
        counted(settings.branches, "branch", "branches"),
        counted(settings.clients, "client", "clients"),
        counted(settings.load_threads, "thread", "threads"),
        settings.accounts,
        level.unwrap_or_default(),
        window.unwrap_or_default(),
        propagation.unwrap_or_default(),
        seconds(settings.warm_up_ms),
    )
}

/// A row for each repeat, and the median and the spread over several.
pub(super) fn repeats(results: &Results) -> Table {
    let head = ["repeat", "ops/s", "p50", "p99", "p99.9", "max", "refused", "failed"];
    let several = [
        ("median", &results.median),
        ("lowest", &results.lowest),
        ("highest", &results.highest),
    ];
    let each = (1..).zip(&results.repeats);
    let each = each.map(|(number, repeat)| (number.to_string(), &repeat.figures));
    let several = several.into_iter().filter(|_| results.repeats.len() > 1);
    let all = each.chain(several.map(|(name, figures)| (name.to_owned(), figures)));
    (head.map(str::to_owned).to_vec(), all.map(figure_row).collect())
}

fn figure_row((name, figures): (String, &Figures)) -> Vec<String> {
    vec![
        name,
        thousands(figures.operations_per_second.round() as u64),
        latency(figures.p50_us),
        latency(figures.p99_us),
        latency(figures.p999_us),
        latency(figures.max_us),
        thousands(figures.refused),
        thousands(figures.failed + figures.unknown + figures.unsent),
    ]
}

/// Processor time, bytes, syncs and memory: a row for each branch, for all of them, and for the load.
pub(super) fn costs(results: &Results) -> Table {
    let head = [
        "",
        "processor/op",
        "written/op",
        "syncs/op",
        "memory idle",
        "memory after",
    ];
    let branches = results.branches.iter().enumerate().map(|(index, branch)| {
        let work = |of: fn(&BranchWork) -> Option<f64>| {
            let repeats = results.repeats.iter().filter_map(|repeat| repeat.branches.get(index));
            repeats.map(of).collect::<Option<_>>().and_then(figures::median)
        };
        vec![
            format!("branch {}{}", branch.branch, if branch.leads { " (leads)" } else { "" }),
            micros(work(|work| work.cpu_us_per_operation)),
            bytes(work(|work| work.written_bytes_per_operation)),
            syncs(work(|work| work.syncs_per_operation)),
            mib(branch.idle_bytes),
            mib(branch.after_bytes),
        ]
    });
    let median = &results.median;
    let all = vec![
        "all branches".to_owned(),
        micros(median.branch_cpu_us_per_operation),
        bytes(median.written_bytes_per_operation),
        syncs(median.syncs_per_operation),
    ];
    let load = vec!["the load".to_owned(), micros(median.load_cpu_us_per_operation)];
    (head.map(str::to_owned).to_vec(), branches.chain([all, load]).collect())
}

/// What else a reader has to know.
pub(super) fn notes(results: &Results) -> Vec<String> {
    let problem = results
        .repeats
        .iter()
        .find_map(|repeat| repeat.first_problem.as_ref())
        .map(|problem| format!("the first operation that was not done: {problem}"));
    let unsent: u64 = results.repeats.iter().map(|repeat| repeat.figures.unsent).sum();
    let unsent = (unsent > 0).then(|| {
        let unsent = thousands(unsent);
        format!("the rate was not reached: {unsent} operations could not begin in time, and count as failed")
    });
    let in_memory = results.machine.file_system.as_deref() == Some("tmpfs");
    let in_memory = in_memory.then(|| {
        "the data is in memory (tmpfs), where a sync costs nothing: name a directory on a disk with --data".to_owned()
    });
    let interrupted = results
        .interrupted
        .then(|| "stopped by a signal: the last repeat may be shorter than it should be".to_owned());
    let notes = [problem, unsent, in_memory, interrupted, Some(books(results))];
    notes.into_iter().flatten().collect()
}

fn books(results: &Results) -> String {
    let Some(books) = &results.books else {
        return match (&results.error, results.settings.own_bank) {
            (Some(error), _) => error.clone(),
            (None, true) => "books not checked: stopped before".to_owned(),
            (None, false) => "books not checked: others may use this bank too".to_owned(),
        };
    };
    let doubtful = match books.doubtful {
        0 => String::new(),
        doubtful => format!(", within {} of unknown outcome", thousands(doubtful)),
    };
    format!(
        "books checked: {} accounts hold {}, which is {} paid in before and {} by the operations{doubtful}; {} agree at \
         position {}",
        books.accounts,
        books.sum,
        books.paid_in,
        books.moved,
        count(results.branches.len(), "branch", "branches"),
        books.position
    )
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

/// A latency in milliseconds: `0.62 ms`, `31.2 ms`, `410 ms`.
pub(super) fn latency(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match us {
        0..9_995 => format!("{ms:.2} ms"),
        9_995..99_950 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

/// Processor time for each operation.
pub(super) fn micros(us: Option<f64>) -> String {
    us.map_or(NOT_MEASURED.to_owned(), |us| format!("{us:.1} µs"))
}

/// Bytes for each operation.
pub(super) fn bytes(bytes: Option<f64>) -> String {
    bytes.map_or(NOT_MEASURED.to_owned(), |bytes| {
        format!("{} B", thousands(bytes.round() as u64))
    })
}

/// Syncs for each operation.
pub(super) fn syncs(number: Option<f64>) -> String {
    number.map_or(NOT_MEASURED.to_owned(), |number| format!("{number:.3}"))
}

const NOT_MEASURED: &str = "unknown";

fn mib(bytes: Option<u64>) -> String {
    bytes.map_or(NOT_MEASURED.to_owned(), |bytes| {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    })
}

fn seconds(ms: u64) -> String {
    format!("{} s", ms as f64 / 1000.0)
}
