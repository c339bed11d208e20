//! True decisions: what was refused had to be, for the very reason that was given, and what was accepted could be, by the
//! checker's own replay. That what was taken was there is judged by `no-overdraft`.

use super::replay_mismatch as slips;
use crate::analysis::describe::why;
use crate::analysis::index::Run;
use crate::analysis::replay::SlipKind;
use crate::analysis::verdict_builder::VerdictBuilder;
use crate::verdict::Verdict;

/// Judged: the entries of the journals.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("true-decisions", "entries", run.options);
    slips::judge(
        run,
        &mut findings,
        |_| true,
        |slip| match slip {
            SlipKind::Accepted(refusal) => Some(format!("was accepted, and had to be refused for {}", why(refusal))),
            SlipKind::Refused { instead, held } => Some(refused(instead, held)),
            SlipKind::Overdraft { .. } | SlipKind::Balance { .. } => None,
        },
    );
    findings.done()
}

fn refused(instead: Option<crate::history::Refusal>, held: Option<i128>) -> String {
    let held = held.map_or("there was no such account".to_owned(), |held| {
        format!("the account held {held}")
    });
    match instead {
        None => format!("was refused, and had to be accepted: {held}"),
        Some(refusal) => format!(
            "was refused for a wrong reason, and had to be for {}: {held}",
            why(refusal)
        ),
    }
}
