//! What the judges of replayed journals have in common: each takes its own kind of slip, from the reference journal and
//! from each that differs from it.

use crate::analysis::describe::{behind, command};
use crate::analysis::index::Run;
use crate::analysis::replay::{Replay, SlipKind};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Applied;

/// Judges every entry that `bears` on the matter; `wrong` says in words what is wrong with a slip of the judge's own kind.
pub(crate) fn judge(
    run: &Run<'_>,
    findings: &mut VerdictBuilder,
    bears: impl Fn(&Applied) -> bool,
    wrong: impl Fn(SlipKind) -> Option<String>,
) {
    let Some(replay) = &run.replay else {
        findings.note("there are no journals");
        return;
    };
    for copy in run.journals.distinct() {
        let own = copy.differs_at.map(|_| Replay::of(&copy.entries));
        let slips = &own.as_ref().unwrap_or(replay).slips;
        let mut failed = 0;
        for slip in slips {
            let Some(wrong) = wrong(slip.kind) else { continue };
            let (position, branch) = (slip.entry.position, copy.journal.branch);
            let case = Case::at(position, behind(run, slip.entry), vec![position], vec![branch]);
            findings.fail(case, || {
                format!(
                    "{} at position {position} in the journal of branch {branch} {wrong}",
                    command(run, slip.entry)
                )
            });
            failed += 1;
        }
        let bearing = copy.entries.iter().filter(|entry| bears(entry)).count();
        findings.pass_all(bearing.saturating_sub(failed));
    }
}
