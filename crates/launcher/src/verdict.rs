//! The verdict on a run or an output: what `bank-check` found, which of it the run had promised, and the one word.

use crate::customers::{Record, Visited};
use crate::input::{Script, Visit};
use bank_check::output::{self, Answer, Mode, Output, Pairs, Reported};
use bank_check::session::{self, Kind, Operation, Session};
use bank_check::verdict::{Outcome, Verdict};
use bank_client::Level;
use serde::Serialize;
use std::collections::BTreeMap;

/// One judge's verdict and its weight.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was looked at: `output` or `positions`.
    pub by: &'static str,
    /// Whether the run was asked to keep it; what was not promised does not make a run inconsistent.
    pub promised: bool,
    /// What was found.
    pub verdict: Verdict,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Each guarantee.
    pub judged: Vec<Judged>,
    /// What went wrong apart from them: events without an answer, customers that died.
    pub faults: Vec<String>,
    /// The assignment's own checker.
    pub pairs: Option<Pairs>,
}

/// The one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// Something was judged, and nothing was wrong.
    Consistent,
    /// Something was wrong.
    Inconsistent,
    /// There was nothing to judge.
    Unknown,
}

impl Findings {
    /// The findings on an output file.
    pub fn on_output(script: &Script, output: &Output, mode: Mode) -> Self {
        let verdicts = output::judge(script, output, mode).into_iter();
        let judged = verdicts.map(|verdict| Judged {
            by: "output",
            promised: true,
            verdict,
        });
        let pairs = match output {
            Output::Events(reported) => Pairs::of(reported),
            Output::Balances(_) => Pairs::of(&[]),
        };
        Findings {
            judged: judged.collect(),
            faults: Vec::new(),
            pairs: Some(pairs),
        }
    }

    /// The findings on a run: on its output, and on the positions that its customers were told.
    pub fn on_run(script: &Script, visited: &[Visited], mode: Mode, level: Level) -> Self {
        let mut findings = Self::on_output(script, &Output::Events(reported(script, visited)), mode);
        let positions = session::judge(&sessions(script, visited)).into_iter();
        findings.judged.extend(positions.map(|verdict| Judged {
            by: "positions",
            promised: is_promised(verdict.guarantee, level),
            verdict,
        }));
        findings.faults = faults(script, visited);
        findings
    }

    /// Consistent, not, or unknown.
    pub fn conclusion(&self) -> Conclusion {
        let promised = || {
            self.judged
                .iter()
                .filter(|judged| judged.promised)
                .map(|judged| judged.verdict.outcome())
        };
        if !self.faults.is_empty() || promised().any(|outcome| outcome == Outcome::Fail) {
            Conclusion::Inconsistent
        } else if promised().any(|outcome| outcome == Outcome::Pass) {
            Conclusion::Consistent
        } else {
            Conclusion::Unknown
        }
    }
}

/// Read-your-writes is what this bank is for, so it counts at every level. The journal's order gives both guarantees
/// on writes at every level too.
fn is_promised(guarantee: &str, level: Level) -> bool {
    match guarantee {
        "monotonic-reads" => matches!(level, Level::MonotonicReads | Level::Session | Level::Strong),
        _ => true,
    }
}

/// Each visit with its records; the events that were not got to have none.
fn told<'a>(
    script: &'a Script,
    visited: &'a [Visited],
) -> impl Iterator<Item = (&'a Visit, impl Iterator<Item = Option<&'a Record>>)> {
    script.visits.iter().zip(visited).map(|(visit, visited)| {
        let records = visited.records.iter().map(Some).chain(std::iter::repeat(None));
        (visit, records.take(visit.events.len()))
    })
}

fn reported(script: &Script, visited: &[Visited]) -> Vec<Reported> {
    let mut reported = Vec::new();
    for (visit, records) in told(script, visited) {
        reported.extend(visit.events.iter().zip(records).map(|(event, record)| Reported {
            customer: visit.customer,
            interface: event.action.interface().to_owned(),
            branch: Some(event.branch),
            answer: record.map_or(Answer::Unknown, Record::answer),
        }));
    }
    reported
}

fn sessions(script: &Script, visited: &[Visited]) -> Vec<Session> {
    let mut by_customer: BTreeMap<u64, Vec<Operation>> = BTreeMap::new();
    let records = told(script, visited).flat_map(|(_, records)| records);
    for (step, record) in script.steps().iter().zip(records) {
        let kind = if step.event.action.is_write() {
            Kind::Write
        } else {
            Kind::Read
        };
        let position = record.and_then(|record| record.position);
        by_customer.entry(step.customer).or_default().push(Operation {
            name: step.to_string(),
            kind,
            position,
        });
    }
    by_customer
        .into_iter()
        .map(|(customer, operations)| Session { customer, operations })
        .collect()
}

fn faults(script: &Script, visited: &[Visited]) -> Vec<String> {
    let mut faults: Vec<String> = visited.iter().filter_map(|visited| visited.failure.clone()).collect();
    let records = told(script, visited).flat_map(|(_, records)| records);
    for (step, record) in script.steps().iter().zip(records) {
        if let Some(Record { error: Some(error), .. }) = record.filter(|record| record.answer() == Answer::Unknown) {
            faults.push(format!("customer {}'s {step}: {error}", step.customer));
        }
    }
    faults
}
