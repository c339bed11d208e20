//! The legend of the picture. It lists only the signs that the picture has.

use bank_check::history::{FaultKind, Leader, Operation, Propagation};
use bank_check::verdict::Outcome;

use maud::{Markup, PreEscaped, html};

use crate::describe;
use crate::leaders;
use crate::read_requirement;
use crate::report::Run;

/// Condition under which the picture has a sign.
#[derive(Clone, Copy)]
enum Shown {
    Always,
    Waits,
    WritesWait,
    Faults,
    Behind,
    Refused,
    Proof,
    Leader,
    Forwarded,
    Elections,
    Restarts,
}

/// Signs with their meanings. A sign is 44 by 20 pixels of SVG and has the classes of the picture.
const SIGNS: &[(Shown, &str, &str)] = &[
    (
        Shown::Always,
        r#"<rect class="bar read" x="6" y="6" width="32" height="9" rx="2"/>"#,
        "a read, from request to answer; “=\u{a0}10”: the answer is\u{a0}10",
    ),
    (
        Shown::Always,
        r#"<rect class="bar write" x="6" y="6" width="32" height="9" rx="2"/>"#,
        "a write; “+10” deposits, “−10” withdraws",
    ),
    (
        Shown::Always,
        r#"<path class="leg read" d="M10 1L18 18M26 18L34 1"/><path class="head read" d="M18.6 19.5L14.9 14.2L19.4 12.1ZM34.6 -.5L35 5.4L30.4 3.4Z"/>"#,
        "to a branch and back; “sees\u{a0}3”: it sees the state at position\u{a0}3",
    ),
    (
        Shown::Always,
        r#"<path class="spread" d="M8 4L36 13"/><path class="tick" d="M8 0V8M36 9V17"/>"#,
        "a write reaches a branch; “2:\u{a0}+10”: position\u{a0}2 of the journal deposits\u{a0}10",
    ),
    (
        Shown::Leader,
        r#"<rect class="lead" x="0" y="1" width="44" height="18"/><path class="lane-line branch" d="M0 10H44"/>"#,
        "the branch leads: it gives each write its position; a term is the time of one leader",
    ),
    (
        Shown::Elections,
        r#"<path class="election" d="M4 3L40 17"/>"#,
        "an election: another branch leads from there on",
    ),
    (
        Shown::Forwarded,
        r#"<path class="leg write" d="M8 3L18 16M26 16L36 3"/><path class="head write" d="M18.8 17.2L14.2 14.2L18 11.3ZM36.8 1.8L36 7.4L32.2 4.5Z"/>"#,
        "a write that another branch took goes to the leader, and its result comes back",
    ),
    (
        Shown::Waits,
        r#"<rect class="wait" x="3" y="4" width="38" height="12" rx="2" style="fill:url(#hatch-0)"/>"#,
        "the branch waits until it has the state that the reader must see",
    ),
    (
        Shown::WritesWait,
        r#"<rect class="wait" x="3" y="4" width="38" height="12" rx="2" style="fill:url(#hatch-0)"/>"#,
        "the branch waits until every branch has the write",
    ),
    (
        Shown::Faults,
        r#"<rect class="fault" x="2" y="2" width="40" height="16"/>"#,
        "an injected fault, while it lasts",
    ),
    (
        Shown::Restarts,
        r#"<text class="position" x="0" y="15">at 3</text>"#,
        "“restarted at 3”: a branch begins again at position 3. When it had applied earlier writes is not known any more",
    ),
    (
        Shown::Refused,
        r#"<g class="bad"><rect class="bar write" x="6" y="6" width="32" height="9" rx="2"/></g>"#,
        "refused (✗), not answered, or unknown (?)",
    ),
    (
        Shown::Behind,
        r#"<rect class="bar read" x="9" y="6" width="26" height="9" rx="2"/><rect class="behind" x="6" y="3" width="32" height="15" rx="4"/>"#,
        "a read whose state is older than what its session had seen",
    ),
    (
        Shown::Proof,
        r#"<circle class="badge" cx="22" cy="10" r="9"/><text class="badge-number" x="22" y="14">1</text>"#,
        "the operations that prove that a guarantee was broken",
    ),
    (
        Shown::Always,
        r#"<circle class="no-room" cx="22" cy="10" r="2"/>"#,
        "an operation whose label has no room here: rest on it, choose it or zoom in",
    ),
];

/// The legend of all runs on a page.
pub(crate) fn list(runs: &[&Run]) -> Markup {
    let signs = SIGNS
        .iter()
        .filter(|(shown, ..)| runs.iter().any(|run| is_shown(*shown, run)));
    html! {
        ul.legend aria-label="What the signs mean" {
            @for (_, sign, meaning) in signs {
                li {
                    svg width="44" height="20" viewBox="0 0 44 20" aria-hidden="true" { (PreEscaped(sign)) }
                    span { (meaning) }
                }
            }
        }
    }
}

fn is_shown(shown: Shown, run: &Run) -> bool {
    let any = |seen: fn(&Operation) -> bool| run.history.operations.iter().any(seen);
    let failed = run.verdicts.iter().any(|verdict| verdict.outcome() == Outcome::Fail);
    let leaders = leaders::of(run);
    match shown {
        Shown::Always => true,
        Shown::Waits => any(|operation| operation.wait_us() > 0),
        Shown::WritesWait => any(|operation| !operation.is_read() && operation.propagation == Propagation::All),
        Shown::Faults => !run.history.faults.is_empty(),
        Shown::Refused => any(|operation| !describe::was_carried_out(operation.outcome)),
        Shown::Behind => read_requirement::is_any_behind(&run.ordered()),
        Shown::Proof => failed,
        Shown::Leader => !leaders.is_empty(),
        Shown::Elections => leaders.len() > 1,
        Shown::Forwarded => any_forwarded(run, &leaders),
        Shown::Restarts => run
            .history
            .faults
            .iter()
            .any(|fault| matches!(fault.kind, FaultKind::Kill { .. }) && fault.until_us.is_some()),
    }
}

/// True if any write was taken by a branch that did not lead at the time.
fn any_forwarded(run: &Run, leaders: &[Leader]) -> bool {
    let led = |position: u64| leaders.iter().rev().find(|leader| leader.after_position < position);
    run.history.operations.iter().any(|operation| {
        let leader = operation.position.and_then(led).and_then(|leader| leader.branch);
        !operation.is_read() && leader.is_some_and(|leader| leader != operation.answering())
    })
}

#[cfg(test)]
mod tests {
    use bank_check::history::{Action, Journal};

    use super::*;
    use crate::describe::tests::operation;

    #[test]
    fn only_signs_in_the_picture_are_explained() {
        let signs = |run: &Run| list(&[run]).into_string().matches("<li>").count();
        let mut run = Run::default();
        assert_eq!(signs(&run), 5);
        run.history.operations = vec![operation("a", 1)];
        run.history.operations[0].waited_us = 1;
        assert_eq!(signs(&run), 5, "some microseconds are no wait");
        run.history.operations[0].waited_us = 1_000;
        assert_eq!(signs(&run), 6);
        let leader = Leader {
            term: 1,
            branch: Some(2),
            after_position: 0,
            from_us: None,
        };
        run.history.journals = vec![Journal {
            leaders: vec![leader],
            ..Journal::default()
        }];
        assert_eq!(signs(&run), 7, "a leader");
        run.history.operations[0].action = Action::Deposit {
            account: "main".into(),
            amount: 1,
        };
        run.history.operations[0].waited_us = 0;
        assert_eq!(signs(&run), 7, "a forwarded write in place of the wait");
    }
}
