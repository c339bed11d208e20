//! At most once: no journal applies a request id twice, and whoever tries an id again is told what was decided first.

use crate::analysis::describe::{behind, command, did};
use crate::analysis::index::{Run, Write};
use crate::analysis::journals::Copy;
use crate::analysis::request_id::RequestId;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Operation;
use crate::verdict::Verdict;
use std::collections::HashMap;

/// Judged: the request ids of the journals, and the repeated replies.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("at-most-once", "request ids and repeated replies", run.options);
    for copy in run.journals.distinct() {
        judge_journal(run, copy, &mut findings);
    }
    for write in run.writes.iter().filter(|write| !write.again.is_empty()) {
        judge_replies(write, &mut findings);
    }
    findings.done()
}

fn judge_journal(run: &Run<'_>, copy: &Copy<'_>, findings: &mut VerdictBuilder) {
    let mut first: HashMap<RequestId<'_>, u64> = HashMap::with_capacity(copy.entries.len());
    for entry in &copy.entries {
        let Some(before) = first.insert(RequestId::of(&entry.request_id), entry.position) else {
            findings.pass();
            continue;
        };
        let (position, branch) = (entry.position, copy.journal.branch);
        let case = Case::at(position, behind(run, entry), vec![before, position], vec![branch]);
        findings.fail(case, || {
            let command = command(run, entry);
            format!(
                "{command} was applied at position {before} and again at {position} in the journal of branch {branch}"
            )
        });
    }
}

fn judge_replies(write: &Write<'_>, findings: &mut VerdictBuilder) {
    let Some(decided) = write.decided else { return };
    let others = write
        .tries()
        .filter(|operation| operation.is_decided() && !std::ptr::eq(*operation, decided));
    for operation in others {
        if told(operation) == told(decided) {
            findings.pass();
            continue;
        }
        let positions = [decided, operation].iter().filter_map(|told| told.position).collect();
        let at = decided.position.unwrap_or(u64::MAX);
        findings.fail(Case::at(at, vec![decided, operation], positions, Vec::new()), || {
            let (first, again) = (did(decided), did(operation));
            format!("{first}; the same request was decided again: {again}")
        });
    }
}

fn told(operation: &Operation) -> (crate::history::Outcome, Option<u64>, Option<i64>) {
    (operation.outcome, operation.position, operation.balance)
}
