//! The page: what is read first stands first, the picture's place is kept, and the script comes last.

use bank_check::history::Operation;
use bank_check::verdict::{Outcome, Verdict};

use crate::data::{self, SINGLE_MAX};
use crate::escape::{html, json_in_script};
use crate::layout;
use crate::legend;
use crate::report::{Meta, Report, Run};
use crate::tables;
use crate::words;

/// Nothing is fetched from anywhere: not a font, not an image, and no form leads away.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLES: &[&str] = &[
    include_str!("page/colours.css"),
    include_str!("page/page.css"),
    include_str!("page/picture.css"),
];

/// One script for the browser, in several files for the reader.
const SCRIPTS: &[&str] = &[
    include_str!("page/run.js"),
    include_str!("page/clock.js"),
    include_str!("page/svg.js"),
    include_str!("page/phrases.js"),
    include_str!("page/backdrop.js"),
    include_str!("page/operations.js"),
    include_str!("page/counts.js"),
    include_str!("page/panel.js"),
    include_str!("page/picture.js"),
    include_str!("page/start.js"),
];

/// Set before anything is shown, so that what needs a script has its place from the start.
const FIRST_SCRIPT: &str = "document.documentElement.className='script';\
    window.addEventListener('error',function(e){document.documentElement.dataset.error=String(e.message)});";

/// The whole file.
pub fn render(report: &Report) -> String {
    let runs: Vec<&Run> = std::iter::once(&report.run).chain(&report.beside).collect();
    let ordered: Vec<Vec<&Operation>> = runs.iter().map(|run| run.ordered()).collect();
    let mut page = head(&report.title);
    page.push_str(&format!(
        "<header><h1>{}</h1>{}",
        html(&report.title),
        meta(&report.meta)
    ));
    page.push_str(&sentences(&report.sentences));
    page.push_str("</header><main>");
    page.push_str(&format!(
        "<div class=\"how needs-script\"><p>Time runs from left to right; each customer and each branch has a line. Click an \
         operation, or use Tab, arrow keys and Enter, to see what it saw and had to see; Escape closes.</p>{}</div>",
        legend::list(&runs)
    ));
    page.push_str(&format!("<div class=\"runs of-{}\">", runs.len()));
    for (index, run) in runs.iter().enumerate() {
        page.push_str(&section(run, index, &ordered[index], runs.len() > 1));
    }
    page.push_str("</div>");
    for (index, run) in runs.iter().enumerate() {
        page.push_str(&tables::operations(run, index, &ordered[index], data::origin_us(run)));
    }
    page.push_str("</main>");
    let data: Vec<_> = runs
        .iter()
        .zip(&ordered)
        .map(|(run, ordered)| data::of(run, ordered))
        .collect();
    page.push_str(&format!(
        "<script type=\"application/json\" id=\"runs\">{}</script>\n<script>\n(() => {{\n\"use strict\";\n{}}})();\n</script>\n</body>\n</html>\n",
        json_in_script(&data),
        SCRIPTS.concat()
    ));
    page
}

fn sentences(sentences: &[String]) -> String {
    let paragraphs = sentences
        .iter()
        .map(|sentence| format!("<p class=\"sentence\">{}</p>", html(sentence)));
    paragraphs.collect()
}

fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{}</style>\n\
         <script>{FIRST_SCRIPT}</script>\n</head>\n<body>\n\
         <noscript><p class=\"note\">The picture is drawn by a script, and scripts are switched off here: the verdicts and \
         a table of the operations follow without it.</p></noscript>\n",
        html(title),
        STYLES.concat()
    )
}

fn meta(meta: &Meta) -> String {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            facts.push((name.to_owned(), value));
        }
    };
    fact("input", meta.input.clone());
    fact("run", meta.date.clone());
    fact("seed", meta.seed.map(|seed| seed.to_string()).unwrap_or_default());
    fact("flags", meta.flags.join(" "));
    for (program, version) in &meta.versions {
        fact(program, version.clone());
    }
    if facts.is_empty() {
        return String::new();
    }
    let mut list = String::from("<dl class=\"meta\">");
    for (name, value) in facts {
        list.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>", html(&name), html(&value)));
    }
    list.push_str("</dl>");
    list
}

fn section(run: &Run, index: usize, operations: &[&Operation], several: bool) -> String {
    let name = match (run.name.as_str(), several) {
        ("", false) => "The run".to_owned(),
        ("", true) => format!("Run {}", index + 1),
        (name, _) => html(name),
    };
    format!(
        "<section class=\"run\" id=\"run-{index}\" aria-labelledby=\"run-{index}-name\">\
         <div class=\"name\"><h2 id=\"run-{index}-name\">{name}</h2><p class=\"sum\">{sum}</p></div>\
         <div class=\"proofs\">{proofs}{sentences}</div>\
         <div class=\"look needs-script\">{picture}\
         <aside class=\"panel\" tabindex=\"-1\" aria-live=\"polite\" aria-label=\"The chosen operation\"></aside></div>\
         <div class=\"tables\"><div>{verdicts}</div><div>{latencies}{faults}</div></div></section>",
        sum = sum(run),
        proofs = proofs(run, index, operations),
        sentences = sentences(&run.sentences),
        picture = picture(run, index),
        verdicts = tables::verdicts(&run.verdicts),
        latencies = tables::latencies(operations),
        faults = tables::faults(&run.history.faults, data::origin_us(run)),
    )
}

/// How many guarantees held.
fn sum(run: &Run) -> String {
    let mut parts = Vec::new();
    for (outcome, words) in [
        (Outcome::Fail, "broken"),
        (Outcome::Pass, "held"),
        (Outcome::Unknown, "with nothing to judge"),
    ] {
        let count = run
            .verdicts
            .iter()
            .filter(|verdict| verdict.outcome() == outcome)
            .count();
        if count > 0 {
            parts.push(format!(
                "<span class=\"verdict {}\">{} {count} {words}</span>",
                tables::class(outcome),
                tables::sign(outcome)
            ));
        }
    }
    parts.push(format!(
        "<span>{} operations</span>",
        words::count(run.history.operations.len())
    ));
    parts.join(" ")
}

/// What was broken, with its witness and the steps that the picture numbers.
fn proofs(run: &Run, index: usize, operations: &[&Operation]) -> String {
    let failed: Vec<&Verdict> = run
        .verdicts
        .iter()
        .filter(|verdict| verdict.outcome() == Outcome::Fail)
        .collect();
    if failed.is_empty() {
        let judged: usize = run.verdicts.iter().map(|verdict| verdict.judged).sum();
        return match judged {
            0 => "<p class=\"held unknown\">? Nothing bore on any guarantee, so nothing is proved.</p>".to_owned(),
            _ => format!(
                "<p class=\"held\">✓ Nothing was broken in {} judged cases.</p>",
                words::count(judged)
            ),
        };
    }
    let mut boxes = String::new();
    let mut nth = 0;
    for verdict in failed {
        boxes.push_str(&proof(verdict, index, operations, nth));
        nth += usize::from(!verdict.witnesses.is_empty());
    }
    boxes
}

/// One failed verdict; `nth` of those that have a witness.
fn proof(verdict: &Verdict, index: usize, operations: &[&Operation], nth: usize) -> String {
    let heading = format!(
        "<h3>✗ {} broken{}</h3>",
        html(verdict.guarantee),
        if verdict.promised { "" } else { " (not promised here)" }
    );
    let meaning = words::meaning(verdict.guarantee).map(|meaning| format!("<p class=\"note\">{meaning}</p>"));
    let meaning = meaning.unwrap_or_default();
    let Some(witness) = verdict.witnesses.first() else {
        return format!("<article class=\"proof\">{heading}{meaning}</article>");
    };
    let mut steps = String::new();
    for operation in data::witness_operations(operations, &witness.operations) {
        steps.push_str(&format!(
            "<li><a href=\"#r{index}-{operation}\">{}</a></li>",
            html(&words::operation(operations[operation]))
        ));
    }
    format!(
        "<article class=\"proof\"><div class=\"proof-head\">{heading}\
         <button type=\"button\" class=\"needs-script show-proof\" data-witness=\"{nth}\">Show in the picture</button></div>{meaning}\
         <p class=\"witness highlighted\" data-witness=\"{}\">{}</p><ol class=\"steps\">{steps}</ol></article>",
        html(verdict.guarantee),
        html(&witness.sentence)
    )
}

/// The picture's frame, tools and overview, with the height that it will have.
fn picture(run: &Run, index: usize) -> String {
    let (customers, branches) = data::lanes(run);
    let frame = layout::of(customers.len(), branches.len()).frame;
    let aggregated = if data::aggregates(run) {
        format!(
            "<p class=\"note aggregated\">{} operations are too many to draw one by one: where more than {SINGLE_MAX} are \
             in view, slices of time show how many there were: blue reads, green writes, hatched the reads that waited, and in grey \
             below a branch's line the writes that reached its journal. Zoom in, or choose a slice, to see single operations.</p>",
            words::count(run.history.operations.len())
        )
    } else {
        String::new()
    };
    format!(
        "<div class=\"picture\">{aggregated}<div class=\"tools\" role=\"toolbar\" aria-label=\"View\">\
         <button type=\"button\" data-do=\"all\">whole run</button>\
         <button type=\"button\" data-do=\"in\" aria-label=\"zoom in\">+</button>\
         <button type=\"button\" data-do=\"out\" aria-label=\"zoom out\">−</button>\
         <button type=\"button\" data-do=\"left\" aria-label=\"earlier\">◀</button>\
         <button type=\"button\" data-do=\"right\" aria-label=\"later\">▶</button>\
         <label><input type=\"checkbox\" data-do=\"scale\"> time to scale</label>\
         <label><input type=\"checkbox\" data-do=\"spread\" checked> journal</label></div>\
         <div class=\"frame\" style=\"height:{frame}px\"></div>\
         <div class=\"overview\" aria-hidden=\"true\"></div>\
         <p class=\"status note\" role=\"status\" id=\"run-{index}-status\"></p></div>"
    )
}

#[cfg(test)]
mod tests {
    use bank_check::history::{Action, Operation};
    use bank_check::verdict::Witness;

    use super::*;
    use crate::words::tests::operation;

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
        let mut verdict = Verdict::new("read-your-writes", "reads");
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
    fn nothing_in_a_name_becomes_markup() {
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
    fn our_own_script_and_styles_stay_in_their_elements() {
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
        assert!(page.contains("not promised here") && page.contains("It would mean that a customer's read"));
    }

    #[test]
    fn it_says_so_where_it_aggregates() {
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
    fn the_table_of_operations_ends_somewhere_and_says_so() {
        let page = render(&report(tables::ROWS_MAX + 5));
        assert_eq!(page.matches("<a href=\"#r0-").count(), tables::ROWS_MAX);
        assert!(page.contains("The first 1\u{202f}000 of 1\u{202f}005"));
    }
}
