//! The whole table of a verdict, in [`WIDTH`] columns, with all notes and the failures below each guarantee.

use super::run_verdict::{Judged, RunVerdict};
use super::tally::Tally;
use crate::terminal::colours::Colour;
use crate::terminal::format::{WIDTH, count, ms, wrapped};
use bank_check::verdict::{Group, Outcome};

/// Number of failures of one guarantee that are listed. Further failures are counted.
const FAILURES_SHOWN_MAX: usize = 10;
/// Column of the failures.
const FAILURE: usize = 4;
/// Width of the longest name of a guarantee.
const NAME: usize = 28;
/// Column in which the cases begin: after two spaces, the name, the outcome, and two spaces after each.
const CASES: usize = 2 + NAME + 2 + OUTCOME + 2;
/// Width of the longest outcome.
const OUTCOME: usize = 7;

/// The parts of the table. Each is headed by what its guarantees are about.
const PARTS: [(Group, &str); 4] = [
    (Group::Output, "the output"),
    (Group::Session, "session guarantees, by the history"),
    (Group::Ordering, "the books: ordering, by the history"),
    (Group::Integrity, "the books: integrity, by the history"),
];

/// The table of a verdict, the operations in numbers, and the notes.
pub(super) fn lines(verdict: &RunVerdict) -> String {
    let mut text = String::new();
    for (group, heading) in PARTS {
        let part: Vec<&Judged> = verdict
            .judged
            .iter()
            .filter(|judged| judged.verdict.group == group)
            .collect();
        if !part.is_empty() {
            text += &format!("{heading}\n");
            text.extend(part.into_iter().map(|judged| row(verdict, judged)));
        }
    }
    if verdict.judged.iter().any(|judged| judged.verdict.same_branch > 0) {
        let why = "at one branch: the branch that was asked for the operation before. Such a case can hardly fail, and \
                   counts only if it does";
        text += &format!("{}\n", Colour::Grey.paint(&wrapped(why, 0, WIDTH)));
    }
    let below = below(verdict);
    match below.is_empty() {
        true => text,
        false => format!("{text}\n{below}"),
    }
}

/// What stands below the table: the operations in numbers, the notes, and the pairs of the assignment's checker.
fn below(verdict: &RunVerdict) -> String {
    let mut text = verdict.tally.as_ref().map(tally_line).unwrap_or_default();
    for note in verdict.unanswered.iter().chain(&verdict.notes) {
        text += &format!("note: {}\n", wrapped(note, "note: ".len(), WIDTH));
    }
    if let Some(pairs) = &verdict.pairs {
        pairs.0.iter().for_each(|pair| text += &format!("{pair}\n"));
        text += &format!("{pairs}\n");
    }
    text
}

fn row(run: &RunVerdict, judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let outcome = verdict.outcome();
    let line = format!(
        "  {:<NAME$}  {}  {}\n",
        verdict.guarantee,
        painted(run, judged),
        wrapped(&cases(judged, run), CASES, WIDTH)
    );
    let line = match outcome {
        Outcome::Unknown => Colour::Grey.paint(line.trim_end()) + "\n",
        Outcome::Pass | Outcome::Fail => line,
    };
    line + &listed(&verdict.failures, verdict.failed)
}

/// The cases, and what a reader has to know about them: `19 reads (and 20 at one branch)`.
fn cases(judged: &Judged, run: &RunVerdict) -> String {
    let verdict = &judged.verdict;
    if let Some(why) = verdict.why_unknown() {
        return format!("none: {why}");
    }
    let mut text = count(verdict.judged, verdict.unit.one, verdict.unit.many);
    if verdict.failed > 0 {
        text = format!("{} of {text}", verdict.failed);
    }
    if verdict.same_branch > 0 {
        text += &format!(" (and {} at one branch)", verdict.same_branch);
    }
    if let Some(note) = verdict.note {
        text += &format!("; {note}");
    }
    if verdict.outcome() == Outcome::Fail && !verdict.promised {
        text += &format!("; {}", run.not_promised_by_level());
    }
    text
}

/// A list of failures, one an item. `total` is the number of all failures.
fn listed(failures: &[String], total: usize) -> String {
    let shown = failures.len().min(FAILURES_SHOWN_MAX);
    let lines = failures[..shown]
        .iter()
        .map(|failure| format!("{:FAILURE$}{}\n", "", wrapped(failure, FAILURE, WIDTH)));
    let mut text: String = lines.collect();
    if total > shown {
        text += &format!("{:FAILURE$}and {} more\n", "", total - shown);
    }
    text
}

fn tally_line(tally: &Tally) -> String {
    let waits = match tally.waits.count {
        0 => "none".to_owned(),
        waits => format!(
            "{waits}, p50 {}, p99 {}",
            ms(tally.waits.p50_us),
            ms(tally.waits.p99_us)
        ),
    };
    let undone = match tally.undone {
        0 => String::new(),
        undone => format!(", {undone} without an outcome"),
    };
    format!(
        "{}: {} refused{undone}; reads that had to wait: {waits}\n",
        count(tally.operations, "operation", "operations"),
        tally.refused
    )
}

/// The word for the outcome. Only a failure that makes the run inconsistent is red; what was not judged is as grey as
/// its row.
fn painted(run: &RunVerdict, judged: &Judged) -> String {
    let outcome = judged.verdict.outcome();
    let word = format!("{:<OUTCOME$}", outcome.word());
    match outcome {
        Outcome::Pass => Colour::Green.paint(&word),
        Outcome::Fail if run.is_broken(judged) => Colour::Red.paint(&word),
        Outcome::Fail | Outcome::Unknown => word,
    }
}
