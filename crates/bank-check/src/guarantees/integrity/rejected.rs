//! Rejected writes: what a customer was told is refused or not applied is accepted in no journal; what is not applied is
//! in none at all.

use crate::analysis::describe::did;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Outcome;
use crate::verdict::Verdict;

/// Judged: the refused writes, and those of which every try was not applied.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("rejected-writes", "refused and not applied writes", run.options);
    if run.journals.reference().is_none() {
        findings.note("there are no journals");
        return findings.done();
    }
    for write in &run.writes {
        let not_applied = write.is_not_applied();
        let refused = write
            .tries()
            .find(|operation| matches!(operation.outcome, Outcome::Refused(_)));
        let Some(operation) = refused.or(not_applied.then_some(write.first)) else {
            continue;
        };
        let found = run.journals.distinct().find_map(|copy| {
            let entry = copy.at(copy.position_of(write.id)?)?;
            (not_applied || entry.outcome == Outcome::Accepted).then_some((copy.journal.branch, entry.position))
        });
        let Some((branch, position)) = found else {
            findings.pass();
            continue;
        };
        let case = Case::at(position, vec![operation], vec![position], vec![branch]);
        findings.fail(case, || {
            let told = if not_applied {
                ", was told that it was not applied,"
            } else {
                ","
            };
            format!(
                "{}{told} and the journal of branch {branch} has it at position {position}",
                did(operation)
            )
        });
    }
    findings.done()
}
