//! A run's report for people.

use crate::run::execution::{RunPlan, RunReport, Timings};
use crate::run::fault_player::Befell;
use crate::terminal::words::{count, ms, shell_word};
use crate::verdict::text::findings_text;

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
        "output: {}\nrun folder: {}\nreport: {}\n",
        plan.output.display(),
        report.dir.display(),
        report.page.display()
    );
    text += &timings_line(&report.timings);
    text += &befell_text(&report.befell);
    text += &findings_text(&report.findings, false);
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

/// What befell the bank, in the order of the input.
fn befell_text(befell: &[Befell]) -> String {
    if befell.is_empty() {
        return String::new();
    }
    let lines = befell.iter().map(|fault| {
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
