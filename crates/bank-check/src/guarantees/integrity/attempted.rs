//! Attempted writes: every entry of a journal is a request that a customer made, unchanged.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::{Unit, Verdict};

/// Judges each entry of the journals that is not from before the run.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("attempted-writes", Unit::ENTRIES, run.options);
    if run.journals.reference().is_none() {
        verdict.note("there are no journals");
    }
    for copy in run.journals.distinct() {
        let branch = copy.journal.branch;
        for entry in copy.entries.iter().filter(|entry| entry.position > run.options.before) {
            let write = run.write_of_command(entry);
            if write.is_some_and(|write| write.first.action == entry.action) {
                verdict.pass();
                continue;
            }
            let position = entry.position;
            let case = Case::at(
                position,
                describe::operations_of(run, entry),
                vec![position],
                vec![branch],
            );
            verdict.fail(case, || {
                let applied = describe::with_article(&entry.action);
                match write {
                    Some(write) => format!(
                        "{}, and the journal of branch {branch} has {applied} with its request id at position {position}",
                        describe::result(write.first)
                    ),
                    None => format!(
                        "the journal of branch {branch} has {applied} at position {position} (request {}), and no customer asked for it",
                        entry.request_id
                    ),
                }
            });
        }
    }
    verdict.build()
}
