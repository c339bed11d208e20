//! What was found as one line of JSON, for machines.

use super::report::RunReport;
use super::run_verdict::{Conclusion, Findings, Judged};
use super::tally::Tally;
use crate::run::execution::{RunPlan, Timings};
use crate::run::fault_player::Befell;
use serde::Serialize;
use std::path::Path;

/// A verdict as JSON has it.
#[derive(Serialize)]
struct JsonVerdict<'a> {
    guarantee: &'a str,
    by: &'a str,
    promised: bool,
    outcome: &'a str,
    judged: usize,
    unit: &'a str,
    failed: usize,
    failures: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonFindings<'a> {
    conclusion: Conclusion,
    verdicts: Vec<JsonVerdict<'a>>,
    faults: &'a [String],
    notes: &'a [String],
    /// How many events faults of the input kept from an answer.
    kept_back: usize,
    #[serde(flatten)]
    tally: Option<Tally>,
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
    report: &'a Path,
    timings: Timings,
    /// The input's faults that were played.
    befell: &'a [Befell],
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
            failed: verdict.failed,
            failures: &verdict.failures,
            note: verdict.note,
        });
    JsonFindings {
        conclusion: findings.conclusion(),
        verdicts: verdicts.collect(),
        faults: &findings.faults,
        notes: &findings.notes,
        kept_back: findings.kept_back,
        tally: findings.tally,
        cross_branch: findings.pairs.as_ref().map(ToString::to_string),
    }
}

/// A run's report as one line of JSON.
pub fn run_json(plan: &RunPlan, output: &Path, report: &RunReport) -> String {
    line(&JsonRun {
        branches: plan.input.branches.len(),
        events: plan.input.event_count(),
        output,
        dir: &report.dir,
        bank: &report.bank,
        report: &report.page,
        timings: report.timings,
        befell: &report.befell,
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
