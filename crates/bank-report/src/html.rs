//! The HTML page. Verdicts and tables work without a script. The picture has its final size before the script draws it,
//! so the page does not move.

use bank_check::history::Operation;
use bank_check::verdict::{Outcome, Unit, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::data::{self, SINGLE_MAX};
use crate::describe;
use crate::escape::json_in_script;
use crate::lanes;
use crate::layout;
use crate::leaders;
use crate::legend;
use crate::report::{Meta, Report, Run};
use crate::tables;

/// The noun for operations.
const OPERATIONS: Unit = Unit::new("operation", "operations");
/// The noun for cases of verdicts.
const CASES: Unit = Unit::new("judged case", "judged cases");

/// Content security policy: the page loads nothing and sends nothing.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLES: &[&str] = &[
    include_str!("page/colours.css"),
    include_str!("page/page.css"),
    include_str!("page/picture.css"),
];

/// The parts of the page's one script, in an order in which each part uses only earlier ones.
const SCRIPTS: &[&str] = &[
    include_str!("page/run.js"),
    include_str!("page/lanes.js"),
    include_str!("page/clock.js"),
    include_str!("page/svg.js"),
    include_str!("page/phrases.js"),
    include_str!("page/backdrop.js"),
    include_str!("page/leaders.js"),
    include_str!("page/operations.js"),
    include_str!("page/counts.js"),
    include_str!("page/hint.js"),
    include_str!("page/panel.js"),
    include_str!("page/picture.js"),
    include_str!("page/start.js"),
];

/// Runs before the body is shown. It marks that scripts are on, so that what needs a script has its space from the
/// start.
const FIRST_SCRIPT: &str = "document.documentElement.className='script';\
    window.addEventListener('error',function(e){document.documentElement.dataset.error=String(e.message)});";

/// Renders a report as the text of one HTML file.
pub fn render(report: &Report) -> String {
    let runs: Vec<&Run> = std::iter::once(&report.run).chain(&report.beside).collect();
    let ordered: Vec<Vec<&Operation>> = runs.iter().map(|run| run.ordered()).collect();
    let data: Vec<_> = runs
        .iter()
        .zip(&ordered)
        .map(|(run, ordered)| data::of(run, ordered))
        .collect();
    let script = format!("\n(() => {{\n\"use strict\";\n{}}})();\n", SCRIPTS.concat());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&report.title))
            body {
                noscript {
                    p.note {
                        "The picture is drawn by a script, and scripts are switched off. The verdicts and a table of the \
                         operations follow."
                    }
                }
                header {
                    h1 { (report.title) }
                    (meta(&report.meta))
                    (sentences(&report.sentences))
                }
                main {
                    div.how.needs-script {
                        p {
                            "Time runs from left to right; each customer and each branch has a line. Click an operation, or use \
                             Tab, arrow keys and Enter, to see what it saw and what it had to see. Escape closes it. Rest on an \
                             operation to read it in words."
                        }
                        (legend::list(&runs))
                        (lanes::boxes(&runs))
                    }
                    div class=(format!("runs of-{}", runs.len())) {
                        @for (index, run) in runs.iter().enumerate() {
                            (section(run, index, &ordered[index], runs.len() > 1))
                        }
                    }
                    @for (index, run) in runs.iter().enumerate() {
                        (tables::operations(run, index, &ordered[index], data::origin_us(run)))
                    }
                }
                script type="application/json" id="runs" { (PreEscaped(json_in_script(&data))) }
                script { (PreEscaped(script)) }
            }
        }
    };
    let mut page = page.into_string();
    page.push('\n');
    page
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            style { (PreEscaped(STYLES.concat())) }
            script { (PreEscaped(FIRST_SCRIPT)) }
        }
    }
}

fn sentences(sentences: &[String]) -> Markup {
    html! {
        @for sentence in sentences { p.sentence { (sentence) } }
    }
}

fn meta(meta: &Meta) -> Markup {
    let mut facts = vec![
        ("input", meta.input.clone()),
        ("run", meta.date.clone()),
        ("flags", meta.flags.join(" ")),
    ];
    let versions = meta.versions.iter();
    facts.extend(versions.map(|(program, version)| (program.as_str(), version.clone())));
    facts.retain(|(_, value)| !value.is_empty());
    html! {
        @if !facts.is_empty() {
            dl.meta {
                @for (name, value) in facts {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

fn section(run: &Run, index: usize, operations: &[&Operation], several: bool) -> Markup {
    let name = match (run.name.as_str(), several) {
        ("", false) => "The run".to_owned(),
        ("", true) => format!("Run {}", index + 1),
        (name, _) => name.to_owned(),
    };
    let heading = format!("run-{index}-name");
    html! {
        section.run id=(format!("run-{index}")) aria-labelledby=(heading) {
            div.name {
                h2 id=(heading) { (name) }
                p.sum { (sum(run)) }
            }
            div.proofs {
                (proofs(run, index, operations))
                (sentences(&run.sentences))
            }
            div.look.needs-script {
                (picture(run, index))
                aside.panel tabindex="-1" aria-live="polite" aria-label="The chosen operation" {}
            }
            div.tables {
                div { (tables::verdicts(&run.verdicts)) }
                div {
                    (tables::latencies(operations))
                    (tables::faults(&run.history.faults, data::origin_us(run)))
                }
            }
        }
    }
}

/// The number of guarantees that were broken, that held, and that had no case to judge.
fn sum(run: &Run) -> Markup {
    let count = |outcome| {
        let verdicts = run.verdicts.iter();
        verdicts.filter(|verdict| verdict.outcome() == outcome).count()
    };
    let parts = [
        (Outcome::Fail, "broken"),
        (Outcome::Pass, "held"),
        (Outcome::Unknown, "with nothing to judge"),
    ];
    html! {
        @for (outcome, words) in parts {
            @if count(outcome) > 0 {
                span class=(format!("verdict {}", outcome.word())) {
                    (tables::sign(outcome)) " " (count(outcome)) " " (words)
                }
                " "
            }
        }
        span { (describe::count(run.history.operations.len())) " " (OPERATIONS.of(run.history.operations.len())) }
    }
}

/// The broken guarantees, each with its witness and the operations that the picture numbers.
fn proofs(run: &Run, index: usize, operations: &[&Operation]) -> Markup {
    let failed: Vec<&Verdict> = run
        .verdicts
        .iter()
        .filter(|verdict| verdict.outcome() == Outcome::Fail)
        .collect();
    let judged: usize = run.verdicts.iter().map(|verdict| verdict.judged).sum();
    // The picture numbers only verdicts with a witness.
    let mut witnesses = 0..;
    html! {
        @if failed.is_empty() && judged == 0 {
            p.held.unknown { "? No guarantee had a case to judge, so nothing is proved." }
        } @else if failed.is_empty() {
            p.held { "✓ Nothing was broken in " (describe::count(judged)) " " (CASES.of(judged)) "." }
        }
        @for verdict in failed {
            article.proof {
                (proof(verdict, index, operations, &mut witnesses))
            }
        }
    }
}

/// One broken guarantee. It takes the next number of `witnesses` if it has a witness.
fn proof(
    verdict: &Verdict,
    index: usize,
    operations: &[&Operation],
    witnesses: &mut impl Iterator<Item = usize>,
) -> Markup {
    let heading = html! {
        h3 {
            "✗ " (verdict.guarantee) " broken"
            @if !verdict.promised { " (not promised by the level)" }
        }
    };
    let happened = html! {
        @if let Some(happened) = describe::broken(verdict.guarantee) { p.note { (happened) } }
    };
    let Some(witness) = verdict.witnesses.first() else {
        return html! { (heading) (happened) };
    };
    html! {
        div.proof-head {
            (heading)
            button.needs-script.show-proof type="button" data-witness=[witnesses.next()] { "Show in the picture" }
        }
        (happened)
        p.witness.highlighted data-witness=(verdict.guarantee) { (witness.sentence) }
        ol.steps {
            @for operation in data::witness_operations(operations, &witness.operations) {
                li {
                    a href=(format!("#r{index}-{operation}")) { (describe::operation(operations[operation])) }
                }
            }
        }
    }
}

/// The picture's tools, frame and overview. The frame has its final height.
fn picture(run: &Run, index: usize) -> Markup {
    let (customers, branches) = data::lanes(run);
    let frame = layout::of(customers.len(), branches.len()).frame;
    html! {
        div.picture {
            @if data::aggregates(run) {
                p.note.aggregated {
                    (describe::count(run.history.operations.len())) " operations are too many to draw one by one. Where more \
                     than " (SINGLE_MAX) " are in view, slices of time show their number: blue for reads, green for writes, \
                     hatched for reads that waited, and grey below a branch's line for writes that reached its journal. Zoom in, \
                     or choose a slice, to see single operations."
                }
            }
            div.tools role="toolbar" aria-label="View" {
                button type="button" data-do="all" { "whole run" }
                button type="button" data-do="in" aria-label="zoom in" { "+" }
                button type="button" data-do="out" aria-label="zoom out" { "−" }
                button type="button" data-do="left" aria-label="earlier" { "◀" }
                button type="button" data-do="right" aria-label="later" { "▶" }
                label { input type="checkbox" data-do="scale"; " time to scale" }
                label { input type="checkbox" data-do="spread" checked; " journal" }
            }
            div.frame style=(format!("height:{frame}px")) {}
            div.overview aria-hidden="true" {}
            @if let Some(led) = leaders::sentence(run, data::origin_us(run)) { p.note.led { (led) } }
            p.status.note role="status" id=(format!("run-{index}-status")) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bank_check::history::{Action, Operation};
    use bank_check::verdict::Witness;

    use super::*;
    use crate::describe::tests::operation;

    const NASTY: &str = "</script><script>alert(\"x\")</script>'<!--&";

    fn report(operations: usize) -> Report {
        let mut report = Report {
            title: "A run".to_owned(),
            ..Report::default()
        };
        report.run.history.operations = (0..operations as u64)
            .map(|sequence| operation("s", sequence))
            .collect();
        report
    }

    fn failed(sentence: &str, operations: Vec<(String, u64)>) -> Verdict {
        let mut verdict = Verdict::new("read-your-writes", Unit::READS);
        verdict.judged = 1;
        verdict.failed = 1;
        verdict.promised = false;
        verdict.witnesses = vec![Witness {
            sentence: sentence.to_owned(),
            operations,
            positions: Vec::new(),
            journals: Vec::new(),
            promised: false,
        }];
        verdict
    }

    #[test]
    fn no_name_becomes_markup() {
        let plain = render(&report(1));
        let mut report = report(1);
        report.title = NASTY.to_owned();
        report.meta.input = NASTY.to_owned();
        report.run.name = NASTY.to_owned();
        let made = &mut report.run.history.operations[0];
        made.action = Action::Transfer {
            account: NASTY.to_owned(),
            to: NASTY.to_owned(),
            amount: 1,
        };
        made.error = Some(NASTY.to_owned());
        made.request_id = Some(NASTY.to_owned());
        report.run.history.operations[0] = Operation {
            session: NASTY.to_owned(),
            ..made.clone()
        };
        report.run.verdicts = vec![failed(NASTY, vec![(NASTY.to_owned(), 0)])];
        let page = render(&report);
        assert!(!page.contains("<script>alert") && !page.contains("<!--"));
        let scripts = |page: &str| (page.matches("<script").count(), page.matches("</script").count());
        assert_eq!(scripts(&page), scripts(&plain));
        assert!(page.contains("&lt;/script&gt;"));
    }

    #[test]
    fn scripts_and_styles_stay_in_their_elements() {
        for part in STYLES.iter().chain(SCRIPTS) {
            for word in ["</", "<!--", "http:", "https:", "url(http", "@import", "eval("] {
                let allowed = word == "http:" && part.contains("http://www.w3.org/2000/svg");
                assert!(
                    allowed || !part.contains(word),
                    "{word} in {}",
                    &part[..part.len().min(60)]
                );
            }
        }
    }

    #[test]
    fn a_failed_verdict_shows_its_witness_and_its_steps() {
        let mut report = report(3);
        report.run.verdicts = vec![failed(
            "customer 1 missed it",
            vec![("s".to_owned(), 1), ("s".to_owned(), 2)],
        )];
        let page = render(&report);
        assert!(
            page.contains(
                "<p class=\"witness highlighted\" data-witness=\"read-your-writes\">customer 1 missed it</p>"
            )
        );
        assert!(page.contains("href=\"#r0-1\"") && page.contains("href=\"#r0-2\""));
        assert!(
            page.contains("not promised by the level")
                && page.contains("A read did not show everything that its customer had written")
        );
    }

    #[test]
    fn a_large_run_says_that_it_is_aggregated() {
        let says = |operations| render(&report(operations)).contains("class=\"note aggregated\"");
        assert!(!says(SINGLE_MAX));
        assert!(says(SINGLE_MAX + 1));
    }

    #[test]
    fn an_empty_run_is_a_page_that_proves_nothing() {
        let page = render(&Report::default());
        assert!(page.contains("nothing is proved") && page.ends_with("</html>\n"));
    }

    #[test]
    fn the_table_of_operations_is_limited_and_says_so() {
        let page = render(&report(tables::ROWS_MAX + 5));
        assert_eq!(page.matches("<a href=\"#r0-").count(), tables::ROWS_MAX);
        assert!(page.contains("The first 1\u{202f}000 of 1\u{202f}005"));
    }
}
