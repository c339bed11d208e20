//! At most once: no journal applies a request id twice, and a repeated request gets the decision of the first.

use crate::analysis::describe;
use crate::analysis::index::{Run, Write};
use crate::analysis::journals::JournalCopy;
use crate::analysis::request_id::RequestId;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Operation, Outcome};
use crate::verdict::{Unit, Verdict};
use std::collections::HashMap;

/// Request ids in journals, and replies to repeated requests.
const REQUESTS: Unit = Unit::new("request id or repeated reply", "request ids and repeated replies");

/// Judges each request id of the journals and each repeated reply.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("at-most-once", REQUESTS, run.options);
    for copy in run.journals.distinct() {
        judge_journal(run, copy, &mut verdict);
    }
    for write in run.writes.iter().filter(|write| !write.later.is_empty()) {
        judge_replies(write, &mut verdict);
    }
    verdict.build()
}

fn judge_journal(run: &Run<'_>, copy: &JournalCopy<'_>, verdict: &mut VerdictBuilder) {
    let mut first: HashMap<RequestId<'_>, u64> = HashMap::with_capacity(copy.entries.len());
    for entry in &copy.entries {
        let Some(before) = first.insert(RequestId::of(&entry.request_id), entry.position) else {
            verdict.pass();
            continue;
        };
        let (position, branch) = (entry.position, copy.journal.branch);
        let case = Case::at(
            position,
            describe::operations_of(run, entry),
            vec![before, position],
            vec![branch],
        );
        verdict.fail(case, || {
            let command = describe::command(run, entry);
            format!(
                "{command} was applied at position {before} and again at {position} in the journal of branch {branch}"
            )
        });
    }
}

fn judge_replies(write: &Write<'_>, verdict: &mut VerdictBuilder) {
    let Some(decided) = write.decided else { return };
    let others = write
        .attempts()
        .filter(|operation| operation.is_decided() && !std::ptr::eq(*operation, decided));
    for operation in others {
        if decision(operation) == decision(decided) {
            verdict.pass();
            continue;
        }
        let positions = [decided, operation].iter().filter_map(|reply| reply.position).collect();
        let at = decided.position.unwrap_or(u64::MAX);
        verdict.fail(Case::at(at, vec![decided, operation], positions, Vec::new()), || {
            let (first, again) = (describe::result(decided), describe::result(operation));
            format!("{first}; the same request was decided again: {again}")
        });
    }
}

fn decision(operation: &Operation) -> (Outcome, Option<u64>, Option<i64>) {
    (operation.outcome, operation.position, operation.balance)
}
