//! The verdict on a run, a run folder or an output: the verdicts of `bank-check`, which of them count, and the
//! conclusion.

use super::excused::Excused;
use super::tally::Tally;
use crate::input::{Input, Script, Visit};
use crate::run::customers::Visited;
use crate::run::recorded::Recorded;
use bank_check::output::{self, Answer, Mode, Output, Pairs, Reported};
use bank_check::verdict::{Outcome, Verdict};
use bank_check::{History, Options, overall};
use bank_types::{CallOutcome, OperationRecord};
use serde::Serialize;

/// The verdict on one guarantee.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was judged: `output` or `history`.
    pub by: &'static str,
    /// Whether the run promised the guarantee. A guarantee that was not promised makes no run inconsistent.
    pub promised: bool,
    /// The verdict of `bank-check`.
    pub verdict: Verdict,
}

/// The verdict on a run, a run folder or an output.
#[derive(Debug, Clone, Default)]
pub struct RunVerdict {
    /// The verdicts on the guarantees.
    pub judged: Vec<Judged>,
    /// Failures that no guarantee covers: events without an answer, customers that died.
    pub faults: Vec<String>,
    /// What could not be judged, and why. Notes do not change the conclusion.
    pub notes: Vec<String>,
    /// Number of events that have no answer because of a fault. It does not change the conclusion.
    pub kept_back: usize,
    /// The operations in numbers. `None` without a history.
    pub tally: Option<Tally>,
    /// The result of the assignment's own checker. `None` without an output.
    pub pairs: Option<Pairs>,
}

/// The conclusion of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// Something was judged, and nothing is wrong.
    Consistent,
    /// A promised guarantee is broken, or there was another failure.
    Inconsistent,
    /// There was nothing to judge.
    Unknown,
}

impl RunVerdict {
    /// The verdict on an output file. No event is excused, because an output does not show the faults.
    pub fn on_output(input: &Input, output: &Output, mode: Mode) -> Self {
        Self::on_answers(input, output, mode, Excused::default())
    }

    fn on_answers(input: &Input, output: &Output, mode: Mode, excused: Excused) -> Self {
        // With faults, a run does not wait until a branch has the writes of earlier customers.
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

    /// The verdict on a run, by its output and its history.
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

    /// The verdict on a run folder. `output` is the content of its output file, if there is one with an input.
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

    /// The conclusion from all promised guarantees and all failures.
    pub fn conclusion(&self) -> Conclusion {
        let promised = self.judged.iter().filter(|judged| judged.promised);
        match overall(promised.map(|judged| &judged.verdict)) {
            _ if !self.faults.is_empty() => Conclusion::Inconsistent,
            Outcome::Fail => Conclusion::Inconsistent,
            Outcome::Pass => Conclusion::Consistent,
            Outcome::Unknown => Conclusion::Unknown,
        }
    }

    /// The exit code for this verdict: 1 if it is inconsistent, otherwise 0.
    pub fn exit_code(&self) -> u8 {
        match self.conclusion() {
            Conclusion::Consistent | Conclusion::Unknown => 0,
            Conclusion::Inconsistent => 1,
        }
    }
}

/// True if the guarantee counts. Read-your-writes is the purpose of this bank, so it counts at every level.
fn is_promised(verdict: &Verdict) -> bool {
    verdict.promised || verdict.guarantee == "read-your-writes"
}

/// Each visit with a record for each event. The record is `None` for an event that the customer did not reach.
fn records<'a>(
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
    for (visit, records) in records(script, visited) {
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
    let records = records(script, visited).flat_map(|(_, records)| records);
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
