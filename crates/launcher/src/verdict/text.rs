//! The report of a run, and a verdict, as text. A verdict is a table of guarantees with the failures below each, the
//! operations in numbers, and the conclusion.

use super::report::RunReport;
use super::run_verdict::{Conclusion, Judged, RunVerdict};
use super::tally::Tally;
use crate::run::execution::{RunPlan, Timings};
use crate::run::fault_player::InjectedFault;
use crate::terminal::colours::Colour;
use crate::terminal::format::{count, ms, shell_word};
use bank_check::verdict::{Outcome, Verdict};
use std::path::Path;

/// Number of failures of one guarantee that are listed. Further failures are counted.
const FAILURES_SHOWN_MAX: usize = 10;

/// The report of a run as text.
pub fn run_text(plan: &RunPlan, output: &Path, report: &RunReport) -> String {
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
        "output: {}\nrun folder: {}\nreport: {}\n",
        output.display(),
        report.dir.display(),
        report.page.display()
    );
    text += &timings_line(&report.timings);
    text += &injected_text(&report.injected);
    text += &verdict_text(&report.verdict, false);
    if !report.kept.is_empty() {
        text += &kept_text(plan, report);
    }
    text
}

fn timings_line(timings: &Timings) -> String {
    format!(
        "time: start {}, founding {}, events {}, journals {}, stop {}, report {}; {} in all\n",
        ms(timings.start_us),
        ms(timings.founding_us),
        ms(timings.events_us),
        ms(timings.journals_us),
        ms(timings.stop_us),
        ms(timings.report_us),
        ms(timings.total_us)
    )
}

/// The injected faults, in the order of the input.
fn injected_text(injected: &[InjectedFault]) -> String {
    if injected.is_empty() {
        return String::new();
    }
    let lines = injected.iter().map(|fault| {
        let when = match fault.until_us {
            Some(until_us) => format!("from {} to {}", ms(fault.from_us), ms(until_us)),
            None => format!("at {}", ms(fault.from_us)),
        };
        format!("  {}. {}: {when}\n", fault.fault, fault.what)
    });
    format!("faults, in time from the start:\n{}", lines.collect::<String>())
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

/// A verdict as text. If `verbose`, it lists every pair of adjacent queries.
pub fn verdict_text(verdict: &RunVerdict, verbose: bool) -> String {
    let mut text = judged_text(&verdict.judged);
    text += &listed(&verdict.faults, verdict.faults.len());
    if let Some(tally) = &verdict.tally {
        text += &tally_line(tally);
    }
    for note in &verdict.notes {
        text += &format!("note: {note}\n");
    }
    if let Some(pairs) = &verdict.pairs {
        if verbose {
            pairs.0.iter().for_each(|pair| text += &format!("{pair}\n"));
        }
        text += &format!("{pairs}\n");
    }
    text + &last_line(verdict) + "\n"
}

fn last_line(verdict: &RunVerdict) -> String {
    let consistent = match (verdict.conclusion(), reads(verdict)) {
        (Conclusion::Inconsistent, _) => return "NOT consistent: see above".to_owned(),
        (Conclusion::Unknown, _) => return "unknown: there was nothing to judge".to_owned(),
        (Conclusion::Consistent, 0) => {
            "consistent, as far as it was judged: read-your-writes was not put to the test".to_owned()
        }
        (Conclusion::Consistent, reads) => {
            format!("consistent: read-your-writes held in {}", count(reads, "read", "reads"))
        }
    };
    match verdict.kept_back {
        0 => consistent,
        events => format!(
            "{consistent}; {} not answered while a fault was on",
            count(events, "event was", "events were")
        ),
    }
}

fn judged_text(judged: &[Judged]) -> String {
    let name_width = judged.iter().map(|judged| judged.verdict.guarantee.len()).max();
    let name_width = name_width.unwrap_or(0).max("guarantee".len());
    let cases: Vec<String> = judged.iter().map(|judged| cases(&judged.verdict)).collect();
    let cases_width = cases.iter().map(String::len).max().unwrap_or(0).max("judged".len());
    let mut text = format!(
        "  {:<name_width$}  {:<7}  {:<cases_width$}  by\n",
        "guarantee", "verdict", "judged"
    );
    for (judged, cases) in judged.iter().zip(&cases) {
        let verdict = &judged.verdict;
        text += &format!(
            "  {:<name_width$}  {}  {cases:<cases_width$}  {}{}\n",
            verdict.guarantee,
            painted(verdict.outcome()),
            judged.by,
            remark(judged)
        );
        text += &listed(&verdict.failures, verdict.failed);
    }
    text
}

/// The number of cases: `19 reads`, `2 of 19 reads`, `none`.
fn cases(verdict: &Verdict) -> String {
    let unit = if verdict.judged == 1 && !verdict.unit.contains(' ') {
        singular(verdict.unit)
    } else {
        verdict.unit.to_owned()
    };
    match (verdict.judged, verdict.failed) {
        (0, _) => "none".to_owned(),
        (judged, 0) => format!("{judged} {unit}"),
        (judged, failed) => format!("{failed} of {judged} {unit}"),
    }
}

/// The singular of a unit: `read`, `entry`.
fn singular(unit: &str) -> String {
    match unit.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => unit.trim_end_matches('s').to_owned(),
    }
}

fn remark(judged: &Judged) -> String {
    let verdict = &judged.verdict;
    if verdict.outcome() == Outcome::Fail && !judged.promised {
        return " (not promised at this level)".to_owned();
    }
    match (verdict.note, verdict.same_branch) {
        (Some(note), _) => format!(": {note}"),
        (None, 0) => String::new(),
        (None, stayed) => format!(" ({stayed} more at one branch)"),
    }
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

/// Number of reads that were judged for read-your-writes: by the output, or by the history if there is no output.
fn reads(verdict: &RunVerdict) -> usize {
    let by = |by| {
        let judged = verdict.judged.iter().filter(move |judged| judged.by == by);
        let reads = judged.filter(|judged| judged.verdict.guarantee == "read-your-writes");
        reads.map(|judged| judged.verdict.judged).sum::<usize>()
    };
    match by("output") {
        0 => by("history"),
        reads => reads,
    }
}

/// A list of failures, one a line. `total` is the number of all failures.
fn listed(failures: &[String], total: usize) -> String {
    let shown = failures.len().min(FAILURES_SHOWN_MAX);
    let lines = failures[..shown].iter().map(|failure| format!("    {failure}\n"));
    let mut text: String = lines.collect();
    if total > shown {
        text += &format!("    and {} more\n", total - shown);
    }
    text
}

/// The word for an outcome, in a colour.
fn painted(outcome: Outcome) -> String {
    let colour = match outcome {
        Outcome::Pass => Colour::Green,
        Outcome::Fail => Colour::Red,
        Outcome::Unknown => Colour::Yellow,
    };
    colour.paint(&format!("{:<7}", outcome.word()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use bank_check::output::{Answer, Mode, Output, Reported};
    use insta::assert_snapshot;

    const INPUT: &str = r#"[{"id":1,"type":"branch","balance":5},{"id":2,"type":"branch","balance":5},
        {"id":7,"type":"customer","events":[{"interface":"deposit","money":4,"branch":1},{"interface":"query","branch":2}]}]"#;

    /// The verdict on an output in which the deposit succeeded, and the query got this answer.
    fn verdict(query: Answer) -> String {
        let input = Input::parse(Path::new("in.json"), INPUT).expect("an input");
        let reported = |interface: &str, branch, answer| Reported {
            customer: 7,
            interface: interface.to_owned(),
            branch: Some(branch),
            answer,
        };
        let output = Output::Events(vec![
            reported("deposit", 1, Answer::Success),
            reported("query", 2, query),
        ]);
        let verdict = RunVerdict::on_output(&input, &output, Mode::Sequential);
        anstream::adapter::strip_str(&verdict_text(&verdict, true)).to_string()
    }

    #[test]
    fn a_verdict_is_a_table_and_a_conclusion() {
        assert_snapshot!(verdict(Answer::Balance(9)), @"
          guarantee         verdict  judged    by
          complete          pass     2 events  output
          read-your-writes  pass     1 read    output
          write results     pass     1 write   output
        0 out of 0 cross-branch query events are correct.
        consistent: read-your-writes held in 1 read
        ");
    }

    #[test]
    fn a_failure_stands_below_its_guarantee() {
        assert_snapshot!(verdict(Answer::Balance(5)), @"
          guarantee         verdict  judged       by
          complete          pass     2 events     output
          read-your-writes  fail     1 of 1 read  output
            customer 7's query at branch 2 (its event no. 2) answered 5; it had to be 9, and to include the deposit of 4 at branch 1 (its event no. 1): read-your-writes broken
          write results     pass     1 write      output
        0 out of 0 cross-branch query events are correct.
        NOT consistent: see above
        ");
        assert_snapshot!(verdict(Answer::Unknown), @"
          guarantee         verdict  judged         by
          complete          fail     1 of 2 events  output
            customer 7's query at branch 2 (its event no. 2) was not answered
          read-your-writes  unknown  none           output
          write results     pass     1 write        output
        0 out of 0 cross-branch query events are correct.
        NOT consistent: see above
        ");
    }
}
