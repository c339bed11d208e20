//! Replayed balances: the balance of each journal entry equals the balance of the checker's own replay. A lost update
//! fails here: the second of two writes was computed from the balance before the first.

use super::replay_mismatch;
use crate::analysis::index::Run;
use crate::analysis::replay::MismatchKind;
use crate::analysis::verdict_builder::VerdictBuilder;
use crate::verdict::{Unit, Verdict};

/// Judges each entry of the journals.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("replayed-balances", Unit::ENTRIES, run.options);
    replay_mismatch::judge(
        run,
        &mut verdict,
        |_| true,
        |mismatch| match mismatch {
            MismatchKind::Balance { expected, found } => {
                Some(format!("has balance {found}, and had to have {expected}"))
            }
            _ => None,
        },
    );
    verdict.build()
}
