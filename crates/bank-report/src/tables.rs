//! What a run comes to in tables, which read without a script too: verdicts, latencies, faults, operations.

use bank_check::history::{Fault, Operation};
use bank_check::verdict::{Outcome, Verdict};

use crate::escape::html;
use crate::latency;
use crate::report::Run;
use crate::words;

/// As many operations are listed; the rest is only in the picture.
pub const ROWS_MAX: usize = 1000;

/// Bars of the latency table are drawn against this width, in pixels.
const BAR_PX: f64 = 90.0;

/// Guarantee, outcome, whether it was promised, cases.
pub(crate) fn verdicts(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return "<p>Nothing was judged.</p>".to_owned();
    }
    let mut table = String::from(
        "<table class=\"verdicts\"><caption>Verdicts</caption><thead><tr><th scope=\"col\">guarantee</th>\
         <th scope=\"col\">verdict</th><th scope=\"col\">promised here</th>\
         <th scope=\"col\" colspan=\"2\">cases judged</th></tr></thead><tbody>",
    );
    for verdict in verdicts {
        table.push_str(&format!(
            "<tr class=\"{class}\"><th scope=\"row\">{name}</th><td><span class=\"verdict {class}\">{sign} {class}</span></td>\
             <td>{promised}</td><td class=\"number\">{judged}</td><td>{unit}</td></tr>",
            class = class(verdict.outcome()),
            sign = sign(verdict.outcome()),
            name = html(verdict.guarantee),
            judged = words::count(verdict.judged),
            unit = html(verdict.unit),
            promised = if verdict.promised { "yes" } else { "no" },
        ));
    }
    table.push_str("</tbody></table>");
    table
}

/// `pass`, `fail`, `unknown`.
pub(crate) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Unknown => "unknown",
    }
}

/// A sign beside the word, so that colour is not needed.
pub(crate) fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Fail => "✗",
        Outcome::Unknown => "?",
    }
}

/// By operation and level, with bars to the longest of the table.
pub(crate) fn latencies(operations: &[&Operation]) -> String {
    let rows = latency::of(operations);
    if rows.is_empty() {
        return String::new();
    }
    let longest_us = rows.iter().map(|row| row.p99_us).max().unwrap_or(0).max(1);
    let mut table = String::from(
        "<table class=\"latencies\"><caption>How long operations took, as their customers saw it</caption><thead><tr>\
         <th scope=\"col\">operation</th><th scope=\"col\">level</th><th scope=\"col\" class=\"number\">answered</th>\
         <th scope=\"col\" class=\"number\">not</th><th scope=\"col\" class=\"number\">waited</th>\
         <th scope=\"col\" class=\"number\">p50</th><th scope=\"col\" class=\"number\">p99</th>\
         <th scope=\"col\" class=\"number\">max</th><td class=\"bars\"></td></tr></thead><tbody>",
    );
    for row in rows {
        let px = |us: u64| (us as f64 / longest_us as f64 * BAR_PX).max(1.0);
        table.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"bars\"><svg width=\"{width}\" height=\"12\" aria-hidden=\"true\">\
             <rect class=\"p99\" y=\"1\" width=\"{:.1}\" height=\"10\"/><rect class=\"p50\" y=\"1\" width=\"{:.1}\" height=\"10\"/>\
             </svg></td></tr>",
            row.kind,
            row.level,
            words::count(row.count),
            words::count(row.unanswered),
            words::count(row.waited),
            words::time(row.p50_us),
            words::time(row.p99_us),
            words::time(row.max_us),
            px(row.p99_us),
            px(row.p50_us),
            width = BAR_PX,
        ));
    }
    table.push_str(
        "</tbody></table><p class=\"note\">p50: half took no longer (the strong bar); p99: 99 of 100 took no longer (the \
         faint bar). Level: what a read promised, what a write waited for.</p>",
    );
    table
}

/// What befell the bank, as a list; nothing where nothing did.
pub(crate) fn faults(faults: &[Fault], origin_us: u64) -> String {
    if faults.is_empty() {
        return String::new();
    }
    let mut list = String::from("<h3>Faults, done on purpose</h3><ul class=\"faults\">");
    for fault in faults {
        let from = words::time(fault.from_us.saturating_sub(origin_us));
        let until = match fault.until_us {
            Some(until_us) => words::time(until_us.saturating_sub(origin_us)),
            None => "the end".to_owned(),
        };
        list.push_str(&format!("<li>{from} to {until}: {}</li>", html(&words::fault(fault))));
    }
    list.push_str("</ul>");
    list
}

/// The first operations, one a row, each linked to its place in the picture.
pub(crate) fn operations(run: &Run, index: usize, operations: &[&Operation], origin_us: u64) -> String {
    let title = match run.name.as_str() {
        "" => "Operations as a table".to_owned(),
        name => format!("Operations of “{}” as a table", html(name)),
    };
    let mut table = format!("<details class=\"operations\" open><summary>{title}</summary>");
    if operations.len() > ROWS_MAX {
        table.push_str(&format!(
            "<p class=\"note\">The first {} of {}; all are in the picture and in the run's history.</p>",
            words::count(ROWS_MAX),
            words::count(operations.len())
        ));
    }
    table.push_str(
        "<table><thead><tr><th scope=\"col\" class=\"number\">at</th><th scope=\"col\">operation</th>\
         <th scope=\"col\">level</th><th scope=\"col\" class=\"number\">took</th>\
         <th scope=\"col\" class=\"number\">waited</th></tr></thead><tbody>",
    );
    for (row, operation) in operations.iter().take(ROWS_MAX).enumerate() {
        table.push_str(&format!(
            "<tr><td class=\"number\">{}</td><td><a href=\"#r{index}-{row}\">{}</a></td><td>{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            words::time(operation.invoked_us.saturating_sub(origin_us)),
            html(&words::operation(operation)),
            words::asked_for(operation),
            words::time(operation.completed_us.saturating_sub(operation.invoked_us)),
            match operation.wait_us() {
                0 => "–".to_owned(),
                waited_us => words::time(waited_us),
            },
        ));
    }
    // Without a script it stays open; with one it is closed before it is ever seen.
    table.push_str(
        "</tbody></table></details><script>document.currentScript.previousElementSibling.open=false</script>",
    );
    table
}
