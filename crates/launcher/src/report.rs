//! Prints what was found: for people, or as one JSON object. Colours only where stdout is a terminal and NO_COLOR is
//! not set; a reader that has gone away is no error.

use crate::run::{RunPlan, RunReport, Timings};
use crate::verdict::{Conclusion, Findings, Judged};
use bank_check::verdict::Outcome;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// More failures of one guarantee than this are only counted.
const FAILURES_SHOWN_MAX: usize = 10;

/// Prints, and says whether stdout took it.
///
/// # Errors
/// Stdout is full, say. A closed one is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// A run's report for people.
pub fn run_text(plan: &RunPlan, report: &RunReport) -> String {
    let counts = [
        count(plan.input.branches.len(), "branch", "branches"),
        count(
            plan.input.script.visits.len(),
            "visit by a customer",
            "visits by customers",
        ),
        count(plan.input.event_count(), "event", "events"),
    ];
    let mut text = format!("{}\n", counts.join(", "));
    text += &format!(
        "output: {}\nrun folder: {}\n",
        plan.output.display(),
        report.dir.display()
    );
    text += &timings_line(&report.timings);
    text += &findings_text(&report.findings, false);
    if !report.kept.is_empty() {
        text += &kept_text(plan, report);
    }
    text
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn timings_line(timings: &Timings) -> String {
    let ms = |us: u64| format!("{}.{} ms", us / 1000, us % 1000 / 100);
    format!(
        "time: start {}, founding {}, events {}, stop {}; {} in all\n",
        ms(timings.start_us),
        ms(timings.founding_us),
        ms(timings.events_us),
        ms(timings.stop_us),
        ms(timings.total_us)
    )
}

fn kept_text(plan: &RunPlan, report: &RunReport) -> String {
    let branch = plan.input.branches.first().copied().unwrap_or(1);
    let pids: Vec<String> = report.kept.iter().map(u32::to_string).collect();
    format!(
        "the branches are left running; ask them:\n  {} --bank {} --branch {branch} query\nand stop them:\n  kill {}\n",
        shell_word(&plan.programs.customer_cli),
        shell_word(&report.bank),
        pids.join(" ")
    )
}

/// A path as a shell takes it.
fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:".contains(c);
    if text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The verdict for people; every pair of adjacent queries too, where `verbose`.
pub fn findings_text(findings: &Findings, verbose: bool) -> String {
    let mut text = String::new();
    for Judged { by, promised, verdict } in &findings.judged {
        let (outcome, judged) = (verdict.outcome(), verdict.judged);
        let note = if !promised && outcome == Outcome::Fail {
            " (not promised at this level)"
        } else {
            ""
        };
        text += &format!(
            "  {:<22} {} {judged:>6} {:<6} by the {by}{note}\n",
            verdict.guarantee,
            painted(outcome),
            if judged == 1 {
                verdict.unit.trim_end_matches('s')
            } else {
                verdict.unit
            }
        );
        text += &listed(&verdict.failures);
    }
    text += &listed(&findings.faults);
    if let Some(pairs) = &findings.pairs {
        if verbose {
            pairs.0.iter().for_each(|pair| text += &format!("{pair}\n"));
        }
        text += &format!("{pairs}\n");
    }
    let last = match findings.conclusion() {
        Conclusion::Consistent => match reads(findings) {
            0 => "consistent, as far as it was judged: there was no read".to_owned(),
            reads => format!("consistent: read-your-writes held in {}", count(reads, "read", "reads")),
        },
        Conclusion::Inconsistent => "NOT consistent: see above".to_owned(),
        Conclusion::Unknown => "unknown: there was nothing to judge".to_owned(),
    };
    text + &last + "\n"
}

/// How many reads were judged for read-your-writes.
fn reads(findings: &Findings) -> usize {
    let by_output = findings.judged.iter().filter(|judged| judged.by == "output");
    by_output
        .filter(|judged| judged.verdict.guarantee == "read-your-writes")
        .map(|judged| judged.verdict.judged)
        .sum()
}

fn listed(failures: &[String]) -> String {
    let mut text: String = failures
        .iter()
        .take(FAILURES_SHOWN_MAX)
        .map(|failure| format!("    {failure}\n"))
        .collect();
    if failures.len() > FAILURES_SHOWN_MAX {
        text += &format!("    and {} more\n", failures.len() - FAILURES_SHOWN_MAX);
    }
    text
}

/// The word in its colour; `print` drops the colour where there is no place for it.
fn painted(outcome: Outcome) -> String {
    let colour = match outcome {
        Outcome::Pass => 32,
        Outcome::Fail => 31,
        Outcome::Unknown => 33,
    };
    format!("\u{1b}[{colour}m{:<7}\u{1b}[0m", outcome.word())
}

/// A verdict as JSON has it.
#[derive(Serialize)]
struct JsonVerdict<'a> {
    guarantee: &'a str,
    by: &'a str,
    promised: bool,
    outcome: &'a str,
    judged: usize,
    unit: &'a str,
    failures: &'a [String],
}

#[derive(Serialize)]
struct JsonFindings<'a> {
    conclusion: Conclusion,
    verdicts: Vec<JsonVerdict<'a>>,
    faults: &'a [String],
    /// The assignment's own line.
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_branch: Option<String>,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    branches: usize,
    events: usize,
    output: &'a Path,
    dir: &'a Path,
    bank: &'a Path,
    timings: Timings,
    kept: &'a [u32],
    #[serde(flatten)]
    findings: JsonFindings<'a>,
}

fn json_findings(findings: &Findings) -> JsonFindings<'_> {
    let verdicts = findings
        .judged
        .iter()
        .map(|Judged { by, promised, verdict }| JsonVerdict {
            guarantee: verdict.guarantee,
            by,
            promised: *promised,
            outcome: verdict.outcome().word(),
            judged: verdict.judged,
            unit: verdict.unit,
            failures: &verdict.failures,
        });
    JsonFindings {
        conclusion: findings.conclusion(),
        verdicts: verdicts.collect(),
        faults: &findings.faults,
        cross_branch: findings.pairs.as_ref().map(ToString::to_string),
    }
}

/// A run's report as one line of JSON.
pub fn run_json(plan: &RunPlan, report: &RunReport) -> String {
    line(&JsonRun {
        branches: plan.input.branches.len(),
        events: plan.input.event_count(),
        output: &plan.output,
        dir: &report.dir,
        bank: &report.bank,
        timings: report.timings,
        kept: &report.kept,
        findings: json_findings(&report.findings),
    })
}

/// The verdict as one line of JSON.
pub fn findings_json(findings: &Findings) -> String {
    line(&json_findings(findings))
}

fn line(value: &impl Serialize) -> String {
    // Fails for a path that is not UTF-8 alone.
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")) + "\n"
}
