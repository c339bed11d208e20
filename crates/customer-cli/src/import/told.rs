//! Reports an import: a progress bar and a table for people, JSON lines for programs.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use bank_types::{CallOutcome, Position};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use uuid::Uuid;

use super::tally::{Refusal, Tally};
use crate::output::Output;

/// How many refusals the table has, at most.
const REFUSALS_TOLD_MAX: usize = 20;

/// The end of an import as a JSON object.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    /// The worst outcome of a write.
    pub outcome: CallOutcome,
    /// Id of the import.
    pub import_id: Uuid,
    /// Number of writes that have their outcome.
    pub settled: u64,
    /// Number of writes in the input. `None` for stdin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Number of accepted writes.
    pub accepted: u64,
    /// Number of writes that the bank refused.
    pub refused: u64,
    /// Number of writes whose request id was used for another write.
    pub id_in_use: u64,
    /// Number of writes that may have been applied.
    pub unknown: usize,
    /// Highest position of a decision.
    pub position: Position,
    /// Time that this run took, in milliseconds.
    pub elapsed_ms: u64,
    /// Why the import stopped before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

/// The progress bar of an import, on stderr. It is hidden if stderr is no terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many writes, of which some are settled. Without a number it counts only.
    pub fn new(shown: bool, rows: Option<u64>, settled: u64) -> Self {
        let target = match shown && io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(rows, target).with_position(settled);
        let template = match rows {
            Some(_) => "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}",
            None => "{msg} {pos} {per_sec}",
        };
        // The template is a constant and valid. With an invalid one the bar would have the default style.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message("import");
        bar.reset_eta();
        Self(bar)
    }

    /// Shows how many writes have their outcome, and how many of them were not accepted.
    pub fn settled(&self, tally: &Tally) {
        self.0.set_position(tally.settled());
        if tally.not_accepted() > 0 {
            self.0.set_message(format!("import ({} refused)", tally.not_accepted()));
        }
    }

    /// Removes the bar from the screen.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// The lines for people at the end of an import.
pub fn lines(name: &str, tally: &Tally, elapsed: Duration) -> Vec<String> {
    let mut lines = vec![format!(
        "imported {} from {name} in {:.1} s: {} accepted, {} refused (position {})",
        counted(tally.settled(), "write"),
        elapsed.as_secs_f64(),
        tally.accepted,
        tally.not_accepted(),
        tally.position
    )];
    let shown = &tally.refusals[..tally.refusals.len().min(REFUSALS_TOLD_MAX)];
    lines.extend(table(shown));
    let more = tally.not_accepted().saturating_sub(shown.len() as u64);
    if more > 0 {
        lines.push(format!("and {more} more; --json lists them"));
    }
    lines
}

/// A table of refusals.
fn table(refusals: &[Refusal]) -> Vec<String> {
    if refusals.is_empty() {
        return Vec::new();
    }
    let line = |refusal: &Refusal| refusal.line.to_string().len();
    let line_width = refusals.iter().map(line).max().unwrap_or(0).max("line".len());
    let write = |refusal: &Refusal| refusal.write.len();
    let write_width = refusals.iter().map(write).max().unwrap_or(0).max("write".len());
    let head = format!("{:>line_width$}  {:<write_width$}  refused because", "line", "write");
    let rows = refusals.iter().map(|refusal| {
        let Refusal {
            line, write, message, ..
        } = refusal;
        format!("{line:>line_width$}  {write:<write_width$}  {message}")
    });
    std::iter::once(head).chain(rows).collect()
}

/// A number with its noun.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Prints the refusals that an earlier run of the import found.
///
/// # Errors
/// Stdout cannot be written.
pub fn earlier_refusals<W: Write>(tally: &Tally, out: &mut Output<W>) -> io::Result<()> {
    tally.refusals.iter().try_for_each(|refusal| out.json(refusal))
}

#[cfg(test)]
mod tests {
    use bank_client::{StreamedOutcome, WriteOutcome};
    use bank_types::{RefusalReason, Write};

    use super::*;

    #[test]
    fn the_report_of_an_import_counts_and_lists_refusals() {
        let mut tally = Tally::default();
        for line in 2..=24 {
            let write = Write::Withdraw {
                account: "rent".parse().expect("a name"),
                amount: bank_types::Amount::new(line).expect("an amount"),
            };
            let decision = if line < 4 {
                WriteOutcome::Accepted { balance: 1 }
            } else {
                WriteOutcome::Refused {
                    reason: Some(RefusalReason::InsufficientFunds),
                    message: String::new(),
                    balance: 1,
                }
            };
            let line = line as u64;
            let outcome = StreamedOutcome {
                request_id: Uuid::nil().into(),
                position: line,
                repeated: false,
                decision: Some(decision),
            };
            tally.count(line, &write, outcome);
        }
        let lines = lines("a.csv", &tally, Duration::from_millis(1500));
        assert_eq!(
            lines[..3],
            [
                "imported 23 writes from a.csv in 1.5 s: 2 accepted, 21 refused (position 24)",
                "line  write                       refused because",
                "   4  withdrawal of 4 from rent   insufficient funds",
            ]
        );
        assert_eq!(lines.last().map(String::as_str), Some("and 1 more; --json lists them"));
    }
}
