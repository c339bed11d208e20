//! Compares two results with equal settings: the ratio of each figure, with its spread.

use super::error::BenchError;
use super::json;
use super::results::{Figures, Results};
use super::settings::Settings;
use super::table::{bytes, in_words, latency, layout, lines, micros, syncs, thousands};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Two results with equal settings.
#[derive(Debug)]
pub struct Comparison {
    a: Source,
    b: Source,
    ratios: Vec<Ratio>,
}

/// A result, and the file that it stands in.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    results: Results,
}

/// A figure that is compared.
#[derive(Debug, Clone, Copy)]
struct Figure {
    /// Name in JSON.
    name: &'static str,
    label: &'static str,
    of: fn(&Figures) -> Option<f64>,
    /// The value for people.
    show: fn(f64) -> String,
}

const FIGURES: [Figure; 9] = [
    Figure::new(
        "operations_per_second",
        "ops/s",
        |figures| Some(figures.operations_per_second),
        |value| thousands(value.round() as u64),
    ),
    Figure::latency("p50_us", "p50", |figures| Some(figures.p50_us as f64)),
    Figure::latency("p99_us", "p99", |figures| Some(figures.p99_us as f64)),
    Figure::latency("p999_us", "p99.9", |figures| Some(figures.p999_us as f64)),
    Figure::latency("max_us", "max", |figures| Some(figures.max_us as f64)),
    Figure::processor_time("branch_cpu_us_per_operation", "processor/op, branches", |figures| {
        figures.branch_cpu_us_per_operation
    }),
    Figure::processor_time("load_cpu_us_per_operation", "processor/op, load", |figures| {
        figures.load_cpu_us_per_operation
    }),
    Figure::new(
        "written_bytes_per_operation",
        "written/op",
        |figures| figures.written_bytes_per_operation,
        |value| bytes(Some(value)),
    ),
    Figure::new(
        "syncs_per_operation",
        "syncs/op",
        |figures| figures.syncs_per_operation,
        |value| syncs(Some(value)),
    ),
];

impl Figure {
    const fn new(
        name: &'static str,
        label: &'static str,
        of: fn(&Figures) -> Option<f64>,
        show: fn(f64) -> String,
    ) -> Self {
        Self { name, label, of, show }
    }

    /// A figure in microseconds that the table shows as a duration.
    const fn latency(name: &'static str, label: &'static str, of: fn(&Figures) -> Option<f64>) -> Self {
        Self::new(name, label, of, |value| latency(value as u64))
    }

    /// A figure in microseconds with decimals.
    const fn processor_time(name: &'static str, label: &'static str, of: fn(&Figures) -> Option<f64>) -> Self {
        Self::new(name, label, of, |value| micros(Some(value)))
    }
}

/// The ratio of one figure: B to A.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    figure: Figure,
    values: RatioValues,
}

/// The medians of a figure, and their ratio with its spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct RatioValues {
    a: f64,
    b: f64,
    /// B to A.
    ratio: f64,
    /// The lowest value of B to the highest of A.
    lowest: f64,
    /// The highest value of B to the lowest of A.
    highest: f64,
}

impl Comparison {
    /// Reads and compares two files.
    ///
    /// # Errors
    /// A file is not a result of `launcher bench --json`, or the settings differ.
    pub fn of_files(a: &Path, b: &Path) -> Result<Self, BenchError> {
        let (a, b) = (Source::read(a)?, Source::read(b)?);
        let differ = a.results.settings.differences(&b.results.settings);
        if !differ.is_empty() {
            return Err(BenchError::NotCompared(format!(
                "the two results have different settings, so that they cannot be compared: {}; measure again with equal ones",
                differ.join(", ")
            )));
        }
        let ratios = FIGURES.into_iter().filter_map(|figure| {
            let values = RatioValues::of(figure.of, &a.results, &b.results)?;
            Some(Ratio { figure, values })
        });
        Ok(Comparison {
            ratios: ratios.collect(),
            a,
            b,
        })
    }

    /// The comparison for people.
    pub fn text(&self) -> String {
        let [a, b] = [&self.a, &self.b].map(|source| source.results.machine.host());
        let hosts_differ = (a != b).then(|| format!("the hosts differ: A on {a}; B on {b}"));
        let settings = Settings {
            tls: false,
            ..self.a.results.settings.clone()
        };
        let about = [
            in_words(&settings),
            format!("A: {}", self.a.about()),
            format!("B: {}", self.b.about()),
        ];
        let head = ["", "A", "B", "B to A", "lowest", "highest"].map(str::to_owned);
        let rows = self.ratios.iter().map(|Ratio { figure, values }| {
            let [a, b] = [values.a, values.b].map(figure.show);
            let [ratio, lowest, highest] =
                [values.ratio, values.lowest, values.highest].map(|ratio| format!("{ratio:.2}"));
            vec![figure.label.to_owned(), a, b, ratio, lowest, highest]
        });
        lines(about.into_iter().chain(hosts_differ)) + "\n" + &layout(&(head.to_vec(), rows.collect()))
    }

    /// The comparison as JSON, with a line for each figure.
    pub fn json(&self) -> String {
        let mut document = serde_json::Map::new();
        for (name, source) in [("a", &self.a), ("b", &self.b)] {
            let Results {
                started,
                machine,
                settings,
                ..
            } = &source.results;
            let about = serde_json::json!({
                "file": source.path.to_string_lossy(),
                "started": started,
                "machine": machine,
                "settings": settings,
            });
            document.insert(name.to_owned(), about);
        }
        for Ratio { figure, values } in &self.ratios {
            document.insert(figure.name.to_owned(), serde_json::json!(values));
        }
        json::write(&document)
    }
}

impl Source {
    fn about(&self) -> String {
        let Results {
            started,
            machine,
            repeats,
            settings,
            ..
        } = &self.results;
        let repeats = match repeats.len() {
            1 => "1 repeat (no spread)".to_owned(),
            repeats => format!("{repeats} repeats"),
        };
        let launcher = &machine.launcher;
        let tls = if settings.tls { "with TLS, " } else { "" };
        format!(
            "{}, {tls}{repeats}, {started}, launcher {launcher}",
            self.path.display()
        )
    }

    fn read(path: &Path) -> Result<Self, BenchError> {
        let wrong = |what: String| BenchError::NotCompared(format!("{}: {what}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| {
            wrong(format!(
                "it cannot be read ({error}); name a file with the output of `launcher bench --json`"
            ))
        })?;
        let results = json::read(&text).map_err(|error| wrong(error.to_string()))?;
        Ok(Source {
            path: path.to_owned(),
            results,
        })
    }
}

impl RatioValues {
    /// `None` if one of the results does not have the figure, or A has 0.
    fn of(figure: fn(&Figures) -> Option<f64>, a: &Results, b: &Results) -> Option<Self> {
        let ratio = |b: &Figures, a: &Figures| {
            let (b, a) = (figure(b)?, figure(a)?);
            (a > 0.0).then(|| (b / a * 1e4).round() / 1e4)
        };
        Some(RatioValues {
            a: figure(&a.median)?,
            b: figure(&b.median)?,
            ratio: ratio(&b.median, &a.median)?,
            lowest: ratio(&b.lowest, &a.highest)?,
            highest: ratio(&b.highest, &a.lowest)?,
        })
    }
}
