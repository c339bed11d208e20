//! The report of a run, or a verdict, as one line of JSON.

use super::report::RunReport;
use super::run_verdict::RunVerdict;
use super::tally::Tally;
use crate::exit::Exit;
use crate::run::execution::{RunPlan, Timings};
use crate::run::fault_player::InjectedFault;
use serde::Serialize;
use std::path::Path;

/// The verdict on one guarantee.
#[derive(Serialize)]
struct JsonVerdict<'a> {
    guarantee: &'a str,
    by: &'a str,
    /// Whether the level of the operations promised the guarantee.
    promised: bool,
    /// Whether a failure makes the run inconsistent.
    counts: bool,
    outcome: &'a str,
    judged: usize,
    unit: &'a str,
    failed: usize,
    /// Number of further cases that held at one branch, where they could hardly fail.
    same_branch: usize,
    failures: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonRunVerdict<'a> {
    conclusion: &'a str,
    verdicts: Vec<JsonVerdict<'a>>,
    faults: &'a [String],
    notes: Vec<&'a String>,
    /// Number of events that have no answer because of a fault.
    kept_back: usize,
    #[serde(flatten)]
    tally: Option<Tally>,
    /// The line of the assignment's own checker.
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
    /// The faults of the input that were injected.
    #[serde(rename = "befell")]
    injected: &'a [InjectedFault],
    kept: bool,
    #[serde(flatten)]
    verdict: JsonRunVerdict<'a>,
}

fn json_run_verdict(verdict: &RunVerdict) -> JsonRunVerdict<'_> {
    let verdicts = verdict.judged.iter().map(|judged| {
        let verdict = &judged.verdict;
        JsonVerdict {
            guarantee: verdict.guarantee,
            by: judged.by(),
            promised: verdict.promised,
            counts: judged.counts,
            outcome: verdict.outcome().word(),
            judged: verdict.judged,
            unit: verdict.unit.many,
            failed: verdict.failed,
            same_branch: verdict.same_branch,
            failures: &verdict.failures,
            note: verdict.why_unknown().or(verdict.note),
        }
    });
    JsonRunVerdict {
        conclusion: verdict.conclusion().word(),
        verdicts: verdicts.collect(),
        faults: &verdict.faults,
        notes: verdict.unanswered.iter().chain(&verdict.notes).collect(),
        kept_back: verdict.kept_back,
        tally: verdict.tally,
        cross_branch: verdict.pairs.as_ref().map(ToString::to_string),
    }
}

/// The report of a run as one line of JSON.
pub fn run_json(plan: &RunPlan, output: &Path, report: &RunReport) -> String {
    line(&JsonRun {
        branches: plan.input.branches.len(),
        events: plan.input.event_count(),
        output,
        dir: report.folder.path(),
        bank: &report.bank,
        report: &report.page,
        timings: report.timings,
        injected: &report.injected,
        kept: report.kept,
        verdict: json_run_verdict(&report.verdict),
    })
}

/// A verdict as one line of JSON.
pub fn verdict_json(verdict: &RunVerdict) -> String {
    line(&json_run_verdict(verdict))
}

/// The end of a command that has no result.
#[derive(Serialize)]
struct JsonFailure<'a> {
    conclusion: &'a str,
    error: &'a str,
}

/// The end of a command that has no result, as one line of JSON.
pub(crate) fn failure_json(exit: Exit, error: &str) -> String {
    line(&JsonFailure {
        conclusion: exit.word(),
        error,
    })
}

/// A value as one line of JSON.
pub(crate) fn line(value: &impl Serialize) -> String {
    // This fails only for a path that is not UTF-8.
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")) + "\n"
}
