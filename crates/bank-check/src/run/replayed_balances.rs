//! Replayed balances: the balance that each entry of a journal leaves behind is the checker's own. A lost update shows
//! here: the second of two writes was computed from what was there before the first.

use super::findings::Findings;
use super::index::Run;
use super::replay::SlipKind;
use super::slips;
use crate::verdict::Verdict;

/// Judged: the entries of the journals.
pub(super) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = Findings::new("replayed-balances", "entries", run.options);
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
