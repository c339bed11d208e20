//! Tables of a run, which also work without a script: verdicts, latencies, faults and operations.

use bank_check::history::{Fault, Operation};
use bank_check::verdict::{Outcome, Verdict};
use maud::{Markup, PreEscaped, html};

use crate::describe;
use crate::latency;
use crate::report::Run;

/// Largest number of operations in the table. It bounds the size of the page; the picture has all operations.
pub const ROWS_MAX: usize = 1000;

/// Width of the longest bar in the latency table, in pixels.
const BAR_PX: f64 = 90.0;

/// The verdict on each guarantee.
pub(crate) fn verdicts(verdicts: &[Verdict]) -> Markup {
    if verdicts.is_empty() {
        return html! { p { "Nothing was judged." } };
    }
    html! {
        table.verdicts {
            caption { "Verdicts" }
            thead {
                tr {
                    th scope="col" { "guarantee" }
                    th scope="col" { "verdict" }
                    th scope="col" { "promised by the level" }
                    th scope="col" colspan="2" { "cases judged" }
                }
            }
            tbody {
                @for verdict in verdicts {
                    @let outcome = verdict.outcome();
                    tr class=(outcome.word()) {
                        th scope="row" { (verdict.guarantee) }
                        td {
                            span class=(format!("verdict {}", outcome.word())) { (sign(outcome)) " " (outcome.word()) }
                        }
                        td { @if verdict.promised { "yes" } @else { "no" } }
                        @if let Some(why) = verdict.why_unknown() {
                            td.number { "none" }
                            td { (why) }
                        } @else {
                            td.number { (describe::count(verdict.judged)) }
                            td { (cases(verdict)) }
                        }
                    }
                }
            }
        }
    }
}

/// The noun of the judged cases, with what a reader has to know about them.
fn cases(verdict: &Verdict) -> String {
    let mut text = verdict.unit.of(verdict.judged).to_owned();
    if verdict.failed > 0 {
        text += &format!(", {} failed", describe::count(verdict.failed));
    }
    if verdict.same_branch > 0 {
        text += &format!(" (and {} at one branch)", describe::count(verdict.same_branch));
    }
    if let Some(note) = verdict.note {
        text += &format!(": {note}");
    }
    text
}

/// A sign beside the word, so that the outcome does not depend on colour.
pub(crate) fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Fail => "✗",
        Outcome::Unknown => "?",
    }
}

/// Latencies by operation and level. Bars are relative to the longest p99 of the table.
pub(crate) fn latencies(operations: &[&Operation]) -> Markup {
    let rows = latency::of(operations);
    if rows.is_empty() {
        return Markup::default();
    }
    let longest_us = rows.iter().map(|row| row.p99_us).max().unwrap_or(0).max(1);
    let width = |us: u64| format!("{:.1}", (us as f64 / longest_us as f64 * BAR_PX).max(1.0));
    html! {
        table.latencies {
            caption { "Latency of operations, as their customers saw it" }
            thead {
                tr {
                    th scope="col" { "operation" }
                    th scope="col" { "level" }
                    @for name in ["answered", "not", "waited", "p50", "p99", "max"] {
                        th.number scope="col" { (name) }
                    }
                    td.bars {}
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (row.kind) }
                        td { (row.level) }
                        @for count in [row.count, row.unanswered, row.waited] {
                            td.number { (describe::count(count)) }
                        }
                        @for us in [row.p50_us, row.p99_us, row.max_us] {
                            td.number { (describe::time(us)) }
                        }
                        td.bars {
                            svg width=(BAR_PX) height="12" aria-hidden="true" {
                                rect.p99 y="1" width=(width(row.p99_us)) height="10" {}
                                rect.p50 y="1" width=(width(row.p50_us)) height="10" {}
                            }
                        }
                    }
                }
            }
        }
        p.note {
            "p50: half of the operations took no longer (strong bar). p99: 99 of 100 took no longer (faint bar). Level: what a \
             read promised, or what a write waited for."
        }
    }
}

/// The injected faults. Empty if there were none.
pub(crate) fn faults(faults: &[Fault], origin_us: u64) -> Markup {
    let time = |us: u64| describe::time(us.saturating_sub(origin_us));
    html! {
        @if !faults.is_empty() {
            h3 { "Injected faults" }
            ul.faults {
                @for fault in faults {
                    li {
                        (time(fault.from_us)) " to " (fault.until_us.map_or("the end".to_owned(), time)) ": "
                        (describe::fault(fault))
                    }
                }
            }
        }
    }
}

/// The first operations. Each links to its place in the picture.
pub(crate) fn operations(run: &Run, index: usize, operations: &[&Operation], origin_us: u64) -> Markup {
    html! {
        details.operations open {
            summary {
                @if run.name.is_empty() {
                    "Operations as a table"
                } @else {
                    "Operations of “" (run.name) "” as a table"
                }
            }
            @if operations.len() > ROWS_MAX {
                p.note {
                    "The first " (describe::count(ROWS_MAX)) " of " (describe::count(operations.len()))
                    ". The picture and the run's history have all."
                }
            }
            table {
                thead {
                    tr {
                        th.number scope="col" { "at" }
                        th scope="col" { "operation" }
                        th scope="col" { "level" }
                        th.number scope="col" { "took" }
                        th.number scope="col" { "waited" }
                    }
                }
                tbody {
                    @for (row, operation) in operations.iter().take(ROWS_MAX).enumerate() {
                        tr {
                            td.number { (describe::time(operation.invoked_us.saturating_sub(origin_us))) }
                            td { a href=(format!("#r{index}-{row}")) { (describe::operation(operation)) } }
                            td { (describe::level_or_propagation(operation)) }
                            td.number {
                                (describe::time(operation.completed_us.saturating_sub(operation.invoked_us)))
                            }
                            td.number {
                                @match operation.wait_us() {
                                    0 => "–",
                                    waited_us => (describe::time(waited_us)),
                                }
                            }
                        }
                    }
                }
            }
        }
        // The table is open without a script. With a script it is closed before the browser shows it.
        script { (PreEscaped("document.currentScript.previousElementSibling.open=false")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_check::verdict::Unit;

    #[test]
    fn the_table_says_what_was_counted_and_why_nothing_was() {
        let mut held = Verdict::new("read-your-writes", Unit::READS);
        (held.judged, held.same_branch) = (1, 20);
        let mut broken = Verdict::new("monotonic-reads", Unit::READS);
        (broken.judged, broken.failed, broken.promised) = (19, 1, false);
        let unknown = Verdict::new("monotonic-writes", Unit::WRITES);
        let table = verdicts(&[held, broken, unknown]).into_string();
        for words in [
            "<td>yes</td><td class=\"number\">1</td><td>read (and 20 at one branch)</td>",
            "<td>no</td><td class=\"number\">19</td><td>reads, 1 failed</td>",
            "<td class=\"number\">none</td><td>the run has no such case</td>",
        ] {
            assert!(table.contains(words), "{words}: {table}");
        }
    }
}
