//! No overdraft: no accepted command of a journal takes more from an account than it holds, by the checker's own
//! replay. No reply has a negative balance.

use super::replay_mismatch;
use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::replay::MismatchKind;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Outcome};
use crate::verdict::{Unit, Verdict};

/// Commands that take money from an account.
const TAKING: Unit = Unit::new("withdrawal or transfer", "withdrawals and transfers");

/// Judges each accepted withdrawal and transfer of the journals. A reply with a negative balance is a failed case.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("no-overdraft", TAKING, run.options);
    let takes = |action: &Action| matches!(action, Action::Withdraw { .. } | Action::Transfer { .. });
    replay_mismatch::judge(
        run,
        &mut verdict,
        |entry| entry.outcome == Outcome::Accepted && takes(&entry.action),
        |mismatch| match mismatch {
            MismatchKind::Overdraft { held } => Some(format!("was accepted, and the account held {held}")),
            _ => None,
        },
    );
    for operation in &run.history.operations {
        let Some(balance) = operation.balance.filter(|balance| *balance < 0) else {
            continue;
        };
        let positions = operation.position.into_iter().collect();
        let at = operation.position.unwrap_or(u64::MAX);
        verdict.fail(Case::at(at, vec![operation], positions, Vec::new()), || {
            format!("{}, and was told balance {balance}", describe::result(operation))
        });
    }
    verdict.build()
}
