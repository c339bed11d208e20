//! Applied order: each branch applies at strictly rising positions, and at none past the one that it says it has come to.

use crate::analysis::describe::{behind, command};
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::Verdict;

/// Judged: the entries of every journal, in the order in which the branch gave them.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("applied-order", "entries", run.options);
    if run.history.journals.is_empty() {
        findings.note("there are no journals");
    }
    for journal in &run.history.journals {
        let (branch, ends) = (journal.branch, journal.position);
        let mut before = 0;
        for entry in &journal.applied {
            let position = entry.position;
            if position > before && position <= ends {
                findings.pass();
            } else {
                let case = Case::at(position, behind(run, entry), vec![before, position], vec![branch]);
                findings.fail(case, || {
                    let command = command(run, entry);
                    let wrong = if position > ends {
                        format!("past {ends}, to which it says that it has come")
                    } else {
                        format!("after position {before}")
                    };
                    format!("branch {branch} has {command} at position {position}, {wrong}")
                });
            }
            before = before.max(position);
        }
    }
    findings.done()
}
