//! What the signs of the picture mean: only of those that are in it.

use bank_check::history::{Operation, Propagation};
use bank_check::verdict::Outcome;

use crate::escape::html;
use crate::needs;
use crate::report::Run;

/// Where a sign is to be seen.
#[derive(Clone, Copy)]
enum Where {
    Always,
    Waits,
    WritesWait,
    Faults,
    Behind,
    Refused,
    Proof,
}

/// A sign, drawn in 44 by 20 pixels with the classes of the picture itself, and its meaning.
const SIGNS: &[(Where, &str, &str)] = &[
    (
        Where::Always,
        r#"<rect class="bar read" x="6" y="6" width="32" height="9" rx="2"/>"#,
        "a read, from request to answer; “=\u{a0}10”: it was told\u{a0}10",
    ),
    (
        Where::Always,
        r#"<rect class="bar write" x="6" y="6" width="32" height="9" rx="2"/>"#,
        "a write; “+10” deposits, “−10” withdraws",
    ),
    (
        Where::Always,
        r#"<path class="leg read" d="M10 1L18 18M26 18L34 1"/><path class="head read" d="M18.6 19.5L14.9 14.2L19.4 12.1ZM34.6 -.5L35 5.4L30.4 3.4Z"/>"#,
        "to a branch and back; “sees\u{a0}3”: the books at position\u{a0}3",
    ),
    (
        Where::Always,
        r#"<path class="spread" d="M8 4L36 13"/><path class="tick" d="M8 0V8M36 9V17"/>"#,
        "a write reaches a branch; “2:\u{a0}+10”: position\u{a0}2 of the journal deposits\u{a0}10",
    ),
    (
        Where::Waits,
        r#"<rect class="wait" x="3" y="4" width="38" height="12" rx="2" style="fill:url(#hatch-0)"/>"#,
        "the branch waits until it has what the reader must see",
    ),
    (
        Where::WritesWait,
        r#"<rect class="wait" x="3" y="4" width="38" height="12" rx="2" style="fill:url(#hatch-0)"/>"#,
        "the branch waits until every branch has the write",
    ),
    (
        Where::Faults,
        r#"<rect class="fault" x="2" y="2" width="40" height="16"/>"#,
        "a fault, done on purpose, while it lasts",
    ),
    (
        Where::Refused,
        r#"<g class="bad"><rect class="bar write" x="6" y="6" width="32" height="9" rx="2"/></g>"#,
        "refused (✗), not answered, or unknown (?)",
    ),
    (
        Where::Behind,
        r#"<rect class="bar read" x="9" y="6" width="26" height="9" rx="2"/><rect class="behind" x="6" y="3" width="32" height="15" rx="4"/>"#,
        "a read answered from before what its own session had seen",
    ),
    (
        Where::Proof,
        r#"<circle class="badge" cx="22" cy="10" r="9"/><text class="badge-number" x="22" y="14">1</text>"#,
        "the steps that prove a guarantee broken",
    ),
];

/// A list of signs and meanings.
pub(crate) fn list(runs: &[&Run]) -> String {
    let mut list = String::from(r#"<ul class="legend" aria-label="What the signs mean">"#);
    for (_, sign, meaning) in SIGNS
        .iter()
        .filter(|(place, ..)| runs.iter().any(|run| is_seen(*place, run)))
    {
        list.push_str(&format!(
            r#"<li><svg width="44" height="20" viewBox="0 0 44 20" aria-hidden="true">{sign}</svg><span>{}</span></li>"#,
            html(meaning)
        ));
    }
    list.push_str("</ul>");
    list
}

fn is_seen(place: Where, run: &Run) -> bool {
    let any = |seen: fn(&Operation) -> bool| run.history.operations.iter().any(seen);
    let failed = run.verdicts.iter().any(|verdict| verdict.outcome() == Outcome::Fail);
    match place {
        Where::Always => true,
        Where::Waits => any(|operation| operation.wait_us() > 0),
        Where::WritesWait => {
            any(|operation| crate::words::is_write(&operation.action) && operation.propagation == Propagation::All)
        }
        Where::Faults => !run.history.faults.is_empty(),
        Where::Refused => any(|operation| !crate::words::was_carried_out(operation.outcome)),
        Where::Behind => needs::is_any_behind(&run.ordered()),
        Where::Proof => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::tests::operation;

    #[test]
    fn only_what_is_in_the_picture_is_explained() {
        let signs = |run: &Run| list(&[run]).matches("<li>").count();
        let mut run = Run::default();
        assert_eq!(signs(&run), 4);
        run.history.operations = vec![operation("a", 1)];
        run.history.operations[0].waited_us = 1;
        assert_eq!(signs(&run), 4, "some microseconds are no wait");
        run.history.operations[0].waited_us = 1_000;
        assert_eq!(signs(&run), 5);
    }
}
