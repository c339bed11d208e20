//! Rejected writes: no journal accepts a write that was refused in a reply, and no journal has a write that was
//! reported as not applied.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Outcome;
use crate::verdict::{Unit, Verdict};

/// Writes that their customer was told to have had no effect.
const REJECTED: Unit = Unit::new("refused or not applied write", "refused and not applied writes");

/// Judges each refused write and each write whose attempts were all not applied.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("rejected-writes", REJECTED, run.options);
    if run.journals.reference().is_none() {
        verdict.note("there are no journals");
        return verdict.build();
    }
    for write in &run.writes {
        let not_applied = write.is_not_applied();
        let refused = write
            .attempts()
            .find(|operation| matches!(operation.outcome, Outcome::Refused(_)));
        let Some(operation) = refused.or(not_applied.then_some(write.first)) else {
            continue;
        };
        let found = run.journals.distinct().find_map(|copy| {
            let entry = copy.at(copy.position_of(write.id)?)?;
            (not_applied || entry.outcome == Outcome::Accepted).then_some((copy.journal.branch, entry.position))
        });
        let Some((branch, position)) = found else {
            verdict.pass();
            continue;
        };
        let case = Case::at(position, vec![operation], vec![position], vec![branch]);
        verdict.fail(case, || {
            let told = if not_applied {
                ", was told that it was not applied,"
            } else {
                ","
            };
            format!(
                "{}{told} and the journal of branch {branch} has it at position {position}",
                describe::result(operation)
            )
        });
    }
    verdict.build()
}
