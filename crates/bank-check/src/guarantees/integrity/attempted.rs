//! Attempted writes: whatever a journal holds, a customer asked for, in the same words.

use crate::analysis::describe::{bare, behind, did};
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::Verdict;

/// Judged: the entries of the journals past what was there before the run.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("attempted-writes", "entries", run.options);
    if run.journals.reference().is_none() {
        findings.note("there are no journals");
    }
    for copy in run.journals.distinct() {
        let branch = copy.journal.branch;
        for entry in copy.entries.iter().filter(|entry| entry.position > run.options.before) {
            let write = run.write_behind(entry);
            if write.is_some_and(|write| write.first.action == entry.action) {
                findings.pass();
                continue;
            }
            let position = entry.position;
            let case = Case::at(position, behind(run, entry), vec![position], vec![branch]);
            findings.fail(case, || {
                let applied = bare(&entry.action);
                match write {
                    Some(write) => format!(
                        "{}, and the journal of branch {branch} has its request as a {applied}, at position {position}",
                        did(write.first)
                    ),
                    None => format!(
                        "the journal of branch {branch} has a {applied} at position {position} (request {}), and no customer asked for it",
                        entry.request_id
                    ),
                }
            });
        }
    }
    findings.done()
}
