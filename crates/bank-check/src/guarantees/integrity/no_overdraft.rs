//! No overdraft: no prefix of a journal takes more from an account than it holds, by the checker's own replay.

use super::replay_mismatch as slips;
use crate::analysis::describe::did;
use crate::analysis::index::Run;
use crate::analysis::replay::SlipKind;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Outcome};
use crate::verdict::Verdict;

/// Judged: the accepted withdrawals and transfers of the journals; and that no reply holds a balance below zero.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("no-overdraft", "withdrawals and transfers", run.options);
    let takes = |action: &Action| matches!(action, Action::Withdraw { .. } | Action::Transfer { .. });
    slips::judge(
        run,
        &mut findings,
        |entry| entry.outcome == Outcome::Accepted && takes(&entry.action),
        |slip| match slip {
            SlipKind::Overdraft { held } => Some(format!("was accepted, and the account held {held}")),
            _ => None,
        },
    );
    for operation in &run.history.operations {
        let Some(balance) = operation.balance.filter(|balance| *balance < 0) else {
            continue;
        };
        let positions = operation.position.into_iter().collect();
        let at = operation.position.unwrap_or(u64::MAX);
        findings.fail(Case::at(at, vec![operation], positions, Vec::new()), || {
            format!("{}, and was told balance {balance}", did(operation))
        });
    }
    findings.done()
}
