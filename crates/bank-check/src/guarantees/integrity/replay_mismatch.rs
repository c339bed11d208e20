//! What the judges of replayed journals share. Each judge takes its own kind of mismatch from the reference journal and
//! from each journal that differs from it.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::replay::{MismatchKind, Replay};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Applied;

/// Judges each entry that `is_case` selects. `failure` describes a mismatch of the judge's own kind and is `None` for
/// other kinds.
pub(crate) fn judge(
    run: &Run<'_>,
    verdict: &mut VerdictBuilder,
    is_case: impl Fn(&Applied) -> bool,
    failure: impl Fn(MismatchKind) -> Option<String>,
) {
    let Some(replay) = &run.replay else {
        verdict.note("there are no journals");
        return;
    };
    for copy in run.journals.distinct() {
        let own = copy.differs_at.map(|_| Replay::of(&copy.entries));
        let mismatches = &own.as_ref().unwrap_or(replay).mismatches;
        let mut failed = 0;
        for mismatch in mismatches {
            let Some(failure) = failure(mismatch.kind) else {
                continue;
            };
            let (position, branch) = (mismatch.entry.position, copy.journal.branch);
            let case = Case::at(
                position,
                describe::operations_of(run, mismatch.entry),
                vec![position],
                vec![branch],
            );
            verdict.fail(case, || {
                format!(
                    "{} at position {position} in the journal of branch {branch} {failure}",
                    describe::command(run, mismatch.entry)
                )
            });
            failed += 1;
        }
        let cases = copy.entries.iter().filter(|entry| is_case(entry)).count();
        verdict.pass_all(cases.saturating_sub(failed));
    }
}
