//! The verdict on a run, its folder or an output: what `bank-check` found, which of it the run had promised, and the one word.

use super::excused::Excused;
use super::tally::Tally;
use crate::input::{Input, Script, Visit};
use crate::run::customers::Visited;
use crate::run::recorded::Recorded;
use bank_check::output::{self, Answer, Mode, Output, Pairs, Reported};
use bank_check::verdict::{Outcome, Verdict};
use bank_check::{History, Options};
use bank_types::{CallOutcome, OperationRecord};
use serde::Serialize;

/// One judge's verdict and its weight.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was looked at: `output` or `history`.
    pub by: &'static str,
    /// Whether the run was asked to keep it; what was not promised does not make a run inconsistent.
    pub promised: bool,
    /// What was found.
    pub verdict: Verdict,
}

/// Everything that was found about a run, its folder or an output.
#[derive(Debug, Clone, Default)]
pub struct RunVerdict {
    /// Each guarantee.
    pub judged: Vec<Judged>,
    /// What went wrong apart from them: events without an answer, customers that died.
    pub faults: Vec<String>,
    /// What could not be looked at, and why. It decides nothing.
    pub notes: Vec<String>,
    /// How many events faults kept from an answer. It decides nothing.
    pub kept_back: usize,
    /// The operations in numbers, where there is a history.
    pub tally: Option<Tally>,
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

impl RunVerdict {
    /// The verdict on an output file. It does not show what a fault kept from an answer.
    pub fn on_output(input: &Input, output: &Output, mode: Mode) -> Self {
        Self::on_answers(input, output, mode, Excused::default())
    }

    fn on_answers(input: &Input, output: &Output, mode: Mode, excused: Excused) -> Self {
        // Where there are faults, nobody waits until a branch has what the customers before did.
        let mode = if input.faults.is_empty() {
            mode
        } else {
            Mode::Concurrent
        };
        let verdicts = output::judge_excusing(&input.script, output, mode, &excused.places).into_iter();
        let judged = verdicts.map(|verdict| Judged {
            by: "output",
            promised: true,
            verdict,
        });
        let pairs = match output {
            Output::Events(reported) => Pairs::of(reported),
            Output::Balances(_) => Pairs::of(&[]),
        };
        RunVerdict {
            judged: judged.collect(),
            kept_back: excused.places.len(),
            notes: excused.notes,
            pairs: Some(pairs),
            ..RunVerdict::default()
        }
    }

    /// The verdict on a run: on its output, on its history, and what went wrong apart from those.
    pub fn on_run(input: &Input, visited: &[Visited], mode: Mode, history: &History) -> Self {
        let script = &input.script;
        let excused = Excused::by_faults(script, history);
        let faults = faults(script, visited, &excused);
        let output = Output::Events(reported(script, visited));
        let mut verdict = Self::on_answers(input, &output, mode, excused);
        let options = Options {
            opening: Some(script.opening_balance),
            ..Options::default()
        };
        verdict.add_history(history, &options);
        verdict.faults = faults;
        verdict
    }

    /// The verdict on a folder that a run has left; `output`: what is in its output file, where it has an input too.
    pub fn on_recorded(recorded: &Recorded, output: Option<&Output>) -> Self {
        let mode = match &recorded.meta {
            Some(meta) if meta.concurrent => Mode::Concurrent,
            _ => Mode::Sequential,
        };
        let mut verdict = match (&recorded.answered, output) {
            (Some((input, _)), Some(output)) => {
                let excused = Excused::by_faults(&input.script, &recorded.history);
                Self::on_answers(input, output, mode, excused)
            }
            _ => RunVerdict::default(),
        };
        let options = Options {
            opening: recorded.opening(),
            every_read: recorded.meta.as_ref().is_some_and(|meta| meta.every_read),
            ..Options::default()
        };
        verdict.add_history(&recorded.history, &options);
        verdict.faults = recorded.meta.as_ref().map_or(Vec::new(), |meta| meta.faults.clone());
        verdict.notes.extend(recorded.notes.iter().cloned());
        verdict
    }

    fn add_history(&mut self, history: &History, options: &Options) {
        let verdicts = bank_check::judge(history, options).into_iter();
        self.judged.extend(verdicts.map(|verdict| Judged {
            by: "history",
            promised: is_promised(&verdict),
            verdict,
        }));
        self.tally = Some(Tally::of(&history.operations));
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

    /// How a program exits with this verdict: 0 unless something was wrong.
    pub fn exit_code(&self) -> u8 {
        match self.conclusion() {
            Conclusion::Consistent | Conclusion::Unknown => 0,
            Conclusion::Inconsistent => 1,
        }
    }
}

/// Read-your-writes is what this bank is for, so it counts at every level.
fn is_promised(verdict: &Verdict) -> bool {
    verdict.promised || verdict.guarantee == "read-your-writes"
}

/// Each visit with its records; the events that were not got to have none.
fn told<'a>(
    script: &'a Script,
    visited: &'a [Visited],
) -> impl Iterator<Item = (&'a Visit, impl Iterator<Item = Option<&'a OperationRecord>>)> {
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
            answer: record.map_or(Answer::Unknown, answer),
        }));
    }
    reported
}

/// The bank's answer in a customer's record, for the judge.
fn answer(record: &OperationRecord) -> Answer {
    match (record.outcome, record.balance) {
        (CallOutcome::Answered, Some(balance)) => Answer::Balance(balance),
        (CallOutcome::Accepted, _) => Answer::Success,
        (CallOutcome::Refused, _) => Answer::Fail,
        _ => Answer::Unknown,
    }
}

fn faults(script: &Script, visited: &[Visited], excused: &Excused) -> Vec<String> {
    let mut faults: Vec<String> = visited.iter().filter_map(|visited| visited.failure.clone()).collect();
    let records = told(script, visited).flat_map(|(_, records)| records);
    let steps = script.steps().into_iter().zip(records).enumerate();
    for (_, (step, record)) in steps.filter(|(place, _)| !excused.places.contains(place)) {
        if let Some(OperationRecord { error: Some(error), .. }) =
            record.filter(|record| answer(record) == Answer::Unknown)
        {
            faults.push(format!("customer {}'s {step}: {error}", step.customer));
        }
    }
    faults
}
