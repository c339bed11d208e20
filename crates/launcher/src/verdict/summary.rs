//! A verdict in a few lines: read-your-writes, the session guarantees, the books. What was not judged is grey, and what
//! the level does not promise is told without alarm. The whole table is in [`super::table`].

use super::run_verdict::{Judged, READ_YOUR_WRITES, RunVerdict};
use crate::terminal::colours::Colour;
use crate::terminal::format::{WIDTH, count, wrapped};
use bank_check::output::Pairs;
use bank_check::verdict::{Group, Outcome, Unit, Verdict};

/// The session guarantees that have a common line. Read-your-writes has its own.
const SESSION: [&str; 3] = ["monotonic-reads", "monotonic-writes", "writes-follow-reads"];
/// Column after the signs, in which labels begin.
const LABEL: usize = 2;
/// Column in which the details of a label begin.
const DETAIL: usize = 23;
/// Number of notes that are shown. All are in the long form.
const NOTES_MAX: usize = 4;

/// The lines of a verdict. `faults` is the number of faults that were played.
pub(super) fn lines(verdict: &RunVerdict, faults: usize) -> String {
    let mut lines = vec![own_writes(verdict)];
    lines.extend(sessions(verdict));
    lines.extend(books(verdict));
    lines.extend(answers(verdict));
    lines.extend(by_balances(verdict));
    lines.extend(verdict.not_promised().map(|judged| not_promised(verdict, judged)));
    lines.extend(verdict.pairs.as_ref().map(checker));
    lines.extend(remarks(verdict, faults).iter().map(|remark| grey(remark)));
    lines.concat()
}

/// The line of read-your-writes. The output counts every read, the history those that follow a write.
fn own_writes(verdict: &RunVerdict) -> String {
    let own: Vec<&Verdict> = verdict
        .judged
        .iter()
        .map(|judged| &judged.verdict)
        .filter(|own| own.guarantee == READ_YOUR_WRITES)
        .collect();
    let with = |outcome| own.iter().filter(move |own| own.outcome() == outcome);
    // The history shows what exactly was missed.
    if let Some(failed) = with(Outcome::Fail).next_back() {
        let what = match failed.group {
            Group::Output => "did not show a possible balance",
            _ => "did not show the customer's own writes",
        };
        return bad(&format!("{READ_YOUR_WRITES} failed: {} {what}", failed_cases(failed)));
    }
    match with(Outcome::Pass).next() {
        Some(held) => {
            let reads = cases(held);
            good(&format!(
                "{READ_YOUR_WRITES} held: {reads} of {} showed the customer's own writes",
                count(reads, held.unit.one, held.unit.many)
            ))
        }
        None => {
            let why = own.iter().find_map(|own| own.why_unknown());
            grey(&format!(
                "{READ_YOUR_WRITES}: not judged: {}",
                why.unwrap_or("nothing was read")
            ))
        }
    }
}

fn sessions(verdict: &RunVerdict) -> Vec<String> {
    let named = verdict
        .judged
        .iter()
        .filter(|judged| SESSION.contains(&judged.verdict.guarantee));
    let of = |outcome| named.clone().filter(move |judged| judged.verdict.outcome() == outcome);
    let held: Vec<String> = of(Outcome::Pass)
        .map(|judged| format!("{} {}", judged.verdict.guarantee, cases(&judged.verdict)))
        .collect();
    let not_judged: Vec<&str> = of(Outcome::Unknown).map(|judged| judged.verdict.guarantee).collect();
    let mut lines: Vec<String> = of(Outcome::Fail).filter(|judged| judged.counts).map(broken).collect();
    let not_judged_line = format!("(not judged: {})", not_judged.join(", "));
    match (held.is_empty(), not_judged.is_empty()) {
        (true, true) => {}
        (true, false) => lines.push(grey(&detailed(
            "session guarantees",
            "not judged: no case across branches",
        ))),
        (false, none_left_out) => {
            lines.push(good(&detailed("session guarantees", &held.join(", "))));
            if !none_left_out {
                lines.push(grey(&detailed("", &not_judged_line)));
            }
        }
    }
    lines
}

/// The line of the checks of order and money. `None` without a history.
fn books(verdict: &RunVerdict) -> Option<String> {
    let books = verdict.judged.iter().filter(|judged| judged.verdict.group.is_books());
    books.clone().next()?;
    let broken = books.clone().filter(|judged| verdict.is_broken(judged));
    let failed: Vec<&str> = broken.map(|judged| judged.verdict.guarantee).collect();
    let held = books.filter(|judged| judged.verdict.outcome() == Outcome::Pass);
    let checks = count(held.count() + failed.len(), "check", "checks");
    Some(match failed.as_slice() {
        _ if checks.starts_with("0 ") => grey(&detailed("the books", "not judged: there was nothing to check")),
        [] => good(&detailed("the books", &format!("{checks}, none failed"))),
        names => bad(&detailed(
            "the books",
            &format!("{} of {checks} failed: {}", names.len(), names.join(", ")),
        )),
    })
}

/// The line of the output: if there is no history, or if the output is wrong.
fn answers(verdict: &RunVerdict) -> Option<String> {
    let rest = verdict
        .judged
        .iter()
        .filter(|judged| judged.verdict.group == Group::Output && judged.verdict.guarantee != READ_YOUR_WRITES);
    let failed = rest.clone().filter(|judged| judged.verdict.outcome() == Outcome::Fail);
    let named: Vec<String> = failed
        .clone()
        .map(|judged| format!("{}: {} failed", judged.verdict.guarantee, failed_cases(&judged.verdict)))
        .collect();
    if !named.is_empty() {
        let line = detailed("the output", &named.join("; "));
        let is_broken = failed.clone().any(|judged| verdict.is_broken(judged));
        return Some(if is_broken { bad(&line) } else { plain(&line) });
    }
    if verdict.tally.is_some() {
        return None;
    }
    let held: Vec<String> = rest
        .filter(|judged| judged.verdict.outcome() == Outcome::Pass)
        .map(|Judged { verdict, .. }| format!("{} {}", verdict.guarantee, verdict.judged))
        .collect();
    (!held.is_empty()).then(|| good(&detailed("the output", &held.join(", "))))
}

/// The guarantees that are judged by balances alone repeat others. They have a line only if they fail.
fn by_balances(verdict: &RunVerdict) -> impl Iterator<Item = String> {
    let is_repeated = |judged: &&Judged| {
        let name = judged.verdict.guarantee;
        judged.verdict.group == Group::Session && name != READ_YOUR_WRITES && !SESSION.contains(&name)
    };
    let failed = |judged: &&Judged| judged.counts && judged.verdict.outcome() == Outcome::Fail;
    verdict.judged.iter().filter(is_repeated).filter(failed).map(broken)
}

fn not_promised(run: &RunVerdict, judged: &Judged) -> String {
    plain(&detailed(
        judged.verdict.guarantee,
        &format!(
            "{} failed; {}",
            failed_cases(&judged.verdict),
            run.not_promised_by_level()
        ),
    ))
}

/// The line of the assignment's own checker.
fn checker(pairs: &Pairs) -> String {
    let queries = Unit::new("cross-branch query", "cross-branch queries").of(pairs.0.len());
    plain(&format!(
        "assignment's checker: {} of {} {queries} correct",
        pairs.consistent(),
        pairs.0.len()
    ))
}

/// What a reader should know beside the verdict, one line each.
fn remarks(verdict: &RunVerdict, faults: usize) -> Vec<String> {
    let mut remarks = Vec::new();
    if faults > 0 {
        let played = count(faults, "fault was", "faults were");
        remarks.push(format!("{played} played: --verbose lists what and when"));
    }
    if verdict.kept_back > 0 {
        let events = count(verdict.kept_back, "event was", "events were");
        remarks.push(format!("{events} not answered while a fault was on"));
    }
    remarks.extend(verdict.notes.iter().take(NOTES_MAX).map(|note| format!("note: {note}")));
    if verdict.notes.len() > NOTES_MAX {
        let more = count(verdict.notes.len() - NOTES_MAX, "more note", "more notes");
        remarks.push(format!("{more}: --verbose has all"));
    }
    remarks
}

fn broken(judged: &Judged) -> String {
    let verdict = &judged.verdict;
    bad(&format!("{} failed: {}", verdict.guarantee, failed_cases(verdict)))
}

/// The number of cases, those at one branch among them.
fn cases(verdict: &Verdict) -> usize {
    verdict.judged + verdict.same_branch
}

/// `2 of 39 reads`.
fn failed_cases(verdict: &Verdict) -> String {
    let cases = cases(verdict);
    format!(
        "{} of {}",
        verdict.failed,
        count(cases, verdict.unit.one, verdict.unit.many)
    )
}

/// A label with its details. The details have a column of their own.
fn detailed(label: &str, details: &str) -> String {
    let width = DETAIL - LABEL;
    let label = match label.chars().count() < width {
        true => format!("{label:<width$}"),
        false => format!("{label} "),
    };
    label + &wrapped(details, DETAIL, WIDTH)
}

fn good(text: &str) -> String {
    signed(&Colour::Green.paint("✓"), text)
}

fn bad(text: &str) -> String {
    signed(&Colour::Red.paint("✗"), text)
}

fn plain(text: &str) -> String {
    signed(" ", text)
}

fn grey(text: &str) -> String {
    format!("{}\n", Colour::Grey.paint(signed(" ", text).trim_end_matches('\n')))
}

fn signed(sign: &str, text: &str) -> String {
    match text.contains('\n') {
        // The details are broken into lines already.
        true => format!("{sign} {text}\n"),
        false => format!("{sign} {}\n", wrapped_after_label(text)),
    }
}

/// Breaks a text that is one sentence. Spaces that align a label are kept.
fn wrapped_after_label(text: &str) -> String {
    match LABEL + text.chars().count() <= WIDTH {
        true => text.to_owned(),
        false => wrapped(text, LABEL, WIDTH),
    }
}
