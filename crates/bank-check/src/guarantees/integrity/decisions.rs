//! True decisions: by the checker's own replay, each refused command had to be refused for the given reason, and each
//! accepted command had to be accepted. Accepted overdrafts are judged by `no-overdraft`.

use super::replay_mismatch;
use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::replay::MismatchKind;
use crate::analysis::verdict_builder::VerdictBuilder;
use crate::history::RefusalReason;
use crate::verdict::{Unit, Verdict};

/// Judges each entry of the journals.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("true-decisions", Unit::ENTRIES, run.options);
    replay_mismatch::judge(
        run,
        &mut verdict,
        |_| true,
        |mismatch| match mismatch {
            MismatchKind::Accepted(refusal) => Some(format!(
                "was accepted, and had to be refused for {}",
                describe::refusal_reason(refusal)
            )),
            MismatchKind::Refused { expected, held } => Some(wrong_refusal(expected, held)),
            MismatchKind::Overdraft { .. } | MismatchKind::Balance { .. } => None,
        },
    );
    verdict.build()
}

fn wrong_refusal(expected: Option<RefusalReason>, held: Option<i128>) -> String {
    let held = held.map_or("there was no such account".to_owned(), |held| {
        format!("the account held {held}")
    });
    match expected {
        None => format!("was refused, and had to be accepted: {held}"),
        Some(refusal) => format!(
            "was refused for a wrong reason, and had to be refused for {}: {held}",
            describe::refusal_reason(refusal)
        ),
    }
}
