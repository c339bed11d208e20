//! Replayed balances: the balance that each entry of a journal leaves behind is the checker's own. A lost update shows
//! here: the second of two writes was computed from what was there before the first.

use super::replay_mismatch as slips;
use crate::analysis::index::Run;
use crate::analysis::replay::SlipKind;
use crate::analysis::verdict_builder::VerdictBuilder;
use crate::verdict::Verdict;

/// Judged: the entries of the journals.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("replayed-balances", "entries", run.options);
    slips::judge(
        run,
        &mut findings,
        |_| true,
        |slip| match slip {
            SlipKind::Balance { expected, said } => Some(format!("has balance {said}, and had to have {expected}")),
            _ => None,
        },
    );
    findings.done()
}
