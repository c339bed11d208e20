//! The report of a run, and a verdict, as text: a few lines (`summary`), or the whole table (`table`) with the phases
//! of the run. Both end with what went wrong (`ending`).

use super::report::RunReport;
use super::run_verdict::{Conclusion, RunVerdict};
use super::{ending, summary, table};
use crate::input::Input;
use crate::run::execution::{RunPlan, Timings};
use crate::run::fault_player::InjectedFault;
use crate::run::folder::{LATEST, OUTPUTS};
use crate::terminal::format::{WIDTH, count, ms, shell_word, wrapped};
use bank_check::History;
use bank_check::history::Fault;
use bank_report::fault_in_words;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The parts of a text around its verdict.
#[derive(Debug, Default)]
struct Around {
    /// The first line: how large the run was.
    size: String,
    /// Phases and faults of the run, for the long form.
    phases: String,
    /// Number of faults that were played.
    faults: usize,
    /// Files and commands, each with its label.
    rows: Vec<(&'static str, String)>,
    /// The page of the run.
    page: Option<PathBuf>,
}

/// The report of a run as text. If `verbose`, it is the long form.
pub fn run_text(plan: &RunPlan, output: &Path, report: &RunReport, verbose: bool) -> String {
    let dir = shown_dir(report.folder.path());
    let page = dir.join(report.page.file_name().unwrap_or_default());
    let is_consistent = report.verdict.conclusion() == Conclusion::Consistent;
    let mut rows = vec![("output", output.display().to_string())];
    if verbose {
        rows.push(("folder", report.folder.path().display().to_string()));
    }
    if is_consistent {
        rows.push(("picture", page.display().to_string()));
    }
    if !verbose {
        if is_consistent {
            rows.push(("next", "launcher demo read-your-writes".to_owned()));
        }
        rows.push(("checks", format!("launcher check {} --verbose", shell_word(&dir))));
    }
    let around = Around {
        size: input_size(&plan.input),
        phases: timings_line(&report.timings) + &injected_text(&report.injected),
        faults: report.injected.len(),
        rows,
        page: Some(page),
    };
    text(&report.verdict, &around, verbose)
}

/// The verdict on a run folder as text.
pub fn folder_text(
    verdict: &RunVerdict,
    history: &History,
    page: Option<PathBuf>,
    again: &str,
    verbose: bool,
) -> String {
    let customers: BTreeSet<u64> = history.operations.iter().map(|operation| operation.customer).collect();
    let operations = count(history.operations.len(), "operation", "operations");
    let around = Around {
        size: format!(
            "{}, {operations}",
            branches_and_customers(history.branches.len(), customers.len())
        ),
        phases: recorded_faults_text(&history.faults),
        faults: history.faults.len(),
        rows: match (&page, verdict.conclusion()) {
            (Some(page), Conclusion::Consistent) => vec![("picture", page.display().to_string())],
            _ => Vec::new(),
        },
        page,
    };
    text(verdict, &around.with_again(again, verbose), verbose)
}

/// The verdict on an output file as text.
pub fn output_text(verdict: &RunVerdict, input: &Input, again: &str, verbose: bool) -> String {
    let around = Around {
        size: input_size(input),
        ..Around::default()
    };
    text(verdict, &around.with_again(again, verbose), verbose)
}

/// How large the run of an input is: `10 branches, 1 customer, 60 events`.
fn input_size(input: &Input) -> String {
    let events = count(input.event_count(), "event", "events");
    let who = branches_and_customers(input.branches.len(), input.customer_count());
    format!("{who}, {events}")
}

fn branches_and_customers(branches: usize, customers: usize) -> String {
    let branches = count(branches, "branch", "branches");
    format!("{branches}, {}", count(customers, "customer", "customers"))
}

impl Around {
    /// Adds the command that prints the long form, unless this is the long form.
    fn with_again(mut self, again: &str, verbose: bool) -> Self {
        if !verbose {
            self.rows.push(("checks", format!("{again} --verbose")));
        }
        self
    }
}

fn text(verdict: &RunVerdict, around: &Around, verbose: bool) -> String {
    let mut text = format!("{}\n", around.size);
    if verbose {
        text += &around.phases;
        text += &format!("\n{}", table::lines(verdict));
    } else {
        text += &format!("\n{}", summary::lines(verdict, around.faults));
    }
    if !around.rows.is_empty() {
        text += "\n";
    }
    for (label, content) in &around.rows {
        text += &format!("{label:<10}{content}\n");
    }
    if verbose || verdict.conclusion() != Conclusion::Consistent {
        text += &format!("\n{}", ending::lines(verdict, around.page.as_deref()));
    }
    text
}

/// The run folder by its shortest name: `outputs/latest` if that link leads to it.
fn shown_dir(dir: &Path) -> PathBuf {
    let latest = Path::new(OUTPUTS).join(LATEST);
    match (latest.canonicalize(), dir.canonicalize()) {
        (Ok(leads_to), Ok(real)) if leads_to == real => latest,
        _ => dir.to_owned(),
    }
}

fn timings_line(timings: &Timings) -> String {
    let phases = format!(
        "start {}, founding {}, events {}, journals {}, stop {}, report {}; {} in all",
        ms(timings.start_us),
        ms(timings.founding_us),
        ms(timings.events_us),
        ms(timings.journals_us),
        ms(timings.stop_us),
        ms(timings.report_us),
        ms(timings.total_us)
    );
    format!("time: {}\n", wrapped(&phases, "time: ".len(), WIDTH))
}

/// The injected faults, in the order of the input.
fn injected_text(injected: &[InjectedFault]) -> String {
    let what = injected.iter().map(|fault| {
        let what = format!("{}. {}", fault.fault, fault.what);
        (what, fault.from_us, fault.until_us)
    });
    faults_text(what)
}

/// The faults of a history.
fn recorded_faults_text(faults: &[Fault]) -> String {
    let what = faults
        .iter()
        .map(|fault| (fault_in_words(fault), fault.from_us, fault.until_us));
    faults_text(what)
}

fn faults_text(faults: impl ExactSizeIterator<Item = (String, u64, Option<u64>)>) -> String {
    if faults.len() == 0 {
        return String::new();
    }
    let lines = faults.map(|(what, from_us, until_us)| {
        let when = match until_us {
            Some(until_us) => format!("from {} to {}", ms(from_us), ms(until_us)),
            None => format!("at {}", ms(from_us)),
        };
        format!("  {}\n", wrapped(&format!("{what}: {when}"), 2, WIDTH))
    });
    format!("faults, in time from the start:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
