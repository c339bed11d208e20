//! The verdict on a run, a run folder or an output: the verdicts of `bank-check`, which of them count, and the
//! conclusion.

use super::causes::Causes;
use super::excused::Excused;
use super::tally::Tally;
use crate::exit::Exit;
use crate::input::{Input, Script, Visit};
use crate::run::customers::Visited;
use crate::run::recorded::Recorded;
use bank_check::history::{Level, Operation};
use bank_check::output::{self, Answer, Mode, Output, Pairs, Reported};
use bank_check::verdict::{Group, Outcome, Verdict};
use bank_check::{History, Options, overall};
use bank_types::{CallOutcome, OperationRecord};

/// The guarantee that this bank exists to show. It counts at every level.
pub const READ_YOUR_WRITES: &str = "read-your-writes";
/// The verdict on whether each event has an answer in the output.
pub const COMPLETE: &str = "complete";

/// The verdict on one guarantee.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Whether a failure makes the run inconsistent: the level promised the guarantee, or it is read-your-writes.
    pub counts: bool,
    /// The verdict of `bank-check`.
    pub verdict: Verdict,
}

impl Judged {
    /// What was judged: `output` or `history`.
    pub fn by(&self) -> &'static str {
        match self.verdict.group {
            Group::Output => "output",
            Group::Session | Group::Ordering | Group::Integrity => "history",
        }
    }

    /// True if the failure shows only that an answer, a journal or a digest is missing. A run that was not finished
    /// explains that.
    fn is_only_missing(&self) -> bool {
        self.verdict.guarantee == COMPLETE || self.verdict.missing == self.verdict.failed
    }
}

/// The verdict on a run, a run folder or an output.
#[derive(Debug, Clone, Default)]
pub struct RunVerdict {
    /// The verdicts on the guarantees.
    pub judged: Vec<Judged>,
    /// Why the run was not finished, each cause once: events without an answer, customers that died.
    pub faults: Vec<String>,
    /// What could not be judged, and why. Notes do not change the conclusion.
    pub notes: Vec<String>,
    /// One note for each of the first events that have no answer because of a fault.
    pub unanswered: Vec<String>,
    /// Number of events that have no answer because of a fault. It does not change the conclusion.
    pub kept_back: usize,
    /// The operations in numbers. `None` without a history.
    pub tally: Option<Tally>,
    /// The result of the assignment's own checker. `None` where it means nothing: in a run of all customers at once or
    /// with faults, where different balances are right, and in a run without a pair of queries.
    pub pairs: Option<Pairs>,
    /// The level of all reads. `None` if it is not known, or if reads have different levels.
    pub level: Option<Level>,
}

/// The conclusion of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Something was judged, and nothing is wrong.
    Consistent,
    /// A promised guarantee or read-your-writes is broken.
    Inconsistent,
    /// Nothing that was judged is wrong, but the run was not finished.
    NotFinished,
    /// There was nothing to judge.
    Unknown,
}

impl Conclusion {
    /// The conclusion in one word.
    pub fn word(self) -> &'static str {
        match self {
            Conclusion::Consistent => "consistent",
            Conclusion::Inconsistent => "inconsistent",
            Conclusion::NotFinished => "not-finished",
            Conclusion::Unknown => "unknown",
        }
    }
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
        let judged = verdicts.map(|verdict| Judged { counts: true, verdict });
        let pairs = match (output, mode) {
            (Output::Events(reported), Mode::Sequential) => Some(Pairs::of(reported)),
            (Output::Events(_) | Output::Balances(_), _) => None,
        };
        RunVerdict {
            judged: judged.collect(),
            kept_back: excused.places.len(),
            unanswered: excused.notes,
            pairs: pairs.filter(|pairs| !pairs.0.is_empty()),
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
        let verdicts = bank_check::judge(history, options);
        let is_own_writes = |verdict: &&Verdict| verdict.guarantee == READ_YOUR_WRITES;
        // An output does not show the level of its reads.
        let promised = verdicts.iter().find(is_own_writes).is_none_or(|own| own.promised);
        for judged in &mut self.judged {
            judged.verdict.promised &= promised || !is_own_writes(&&judged.verdict);
        }
        self.judged.extend(verdicts.into_iter().map(|verdict| Judged {
            counts: verdict.promised || is_own_writes(&&verdict),
            verdict,
        }));
        self.level = level(&history.operations);
        self.tally = Some(Tally::of(&history.operations));
    }

    /// Says that the level does not promise a guarantee.
    pub fn not_promised_by_level(&self) -> String {
        let level = self
            .level
            .map_or("its level".to_owned(), |level| format!("level {}", level.as_str()));
        format!("{level} does not promise it")
    }

    /// The failures that make the run inconsistent.
    pub fn broken(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|judged| self.is_broken(judged))
    }

    /// True if this failure makes the run inconsistent.
    pub fn is_broken(&self, judged: &Judged) -> bool {
        let explained = !self.faults.is_empty() && judged.is_only_missing();
        judged.counts && judged.verdict.outcome() == Outcome::Fail && !explained
    }

    /// The failures of guarantees that the level of the operations does not promise, apart from those that count.
    pub fn not_promised(&self) -> impl Iterator<Item = &Judged> {
        let failed = |judged: &&Judged| !judged.counts && judged.verdict.outcome() == Outcome::Fail;
        self.judged.iter().filter(failed)
    }

    /// The conclusion from all guarantees that count and from what kept the run from its end.
    pub fn conclusion(&self) -> Conclusion {
        let counted = self.judged.iter().filter(|judged| judged.counts);
        match overall(counted.map(|judged| &judged.verdict)) {
            _ if self.broken().next().is_some() => Conclusion::Inconsistent,
            _ if !self.faults.is_empty() => Conclusion::NotFinished,
            Outcome::Pass | Outcome::Fail => Conclusion::Consistent,
            Outcome::Unknown => Conclusion::Unknown,
        }
    }

    /// How a command ends that has this verdict as its result.
    pub fn exit(&self) -> Exit {
        match self.conclusion() {
            Conclusion::Consistent => Exit::Done,
            Conclusion::Inconsistent => Exit::Failed,
            Conclusion::NotFinished | Conclusion::Unknown => Exit::NotFinished,
        }
    }
}

/// The level of all reads, if they have the same.
fn level(operations: &[Operation]) -> Option<Level> {
    let mut levels = operations.iter().filter(|one| one.is_read()).map(|read| read.level);
    let first = levels.next()?;
    levels.all(|level| level == first).then_some(first)
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

/// Why visits are incomplete and events have no answer, each cause once.
fn faults(script: &Script, visited: &[Visited], excused: &Excused) -> Vec<String> {
    let mut causes = Causes::default();
    for (visit, visited) in script.visits.iter().zip(visited) {
        if let Some(failure) = &visited.failure {
            causes.of_customer(visit.customer, failure);
        }
    }
    let records = records(script, visited).flat_map(|(_, records)| records);
    let steps = script.steps().into_iter().zip(records).enumerate();
    for (_, (step, record)) in steps.filter(|(place, _)| !excused.places.contains(place)) {
        if let Some(OperationRecord { error: Some(error), .. }) =
            record.filter(|record| answer(record) == Answer::Unknown)
        {
            causes.of_event(&step, error);
        }
    }
    causes.sentences()
}
