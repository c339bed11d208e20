//! Applied order: the positions of each journal rise strictly, and none is past the branch's last position.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::{Unit, Verdict};

/// Judges each entry of every journal, in the order in which the branch gave them.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("applied-order", Unit::ENTRIES, run.options);
    if run.history.journals.is_empty() {
        verdict.note("there are no journals");
    }
    for journal in &run.history.journals {
        let (branch, last) = (journal.branch, journal.position);
        let mut before = 0;
        for entry in &journal.applied {
            let position = entry.position;
            if position > before && position <= last {
                verdict.pass();
            } else {
                let case = Case::at(
                    position,
                    describe::operations_of(run, entry),
                    vec![before, position],
                    vec![branch],
                );
                verdict.fail(case, || {
                    let command = describe::command(run, entry);
                    let wrong = if position > last {
                        format!("past its last position {last}")
                    } else {
                        format!("after position {before}")
                    };
                    format!("branch {branch} has {command} at position {position}, {wrong}")
                });
            }
            before = before.max(position);
        }
    }
    verdict.build()
}
