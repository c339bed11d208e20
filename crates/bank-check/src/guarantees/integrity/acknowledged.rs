//! Acknowledged writes: each is in the journal, at the position, with the outcome and the balance that its customer was
//! told. What its customer does not know of may be there or not.

use crate::analysis::describe::did;
use crate::analysis::index::Run;
use crate::analysis::request_id::RequestId;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Applied, Operation, Outcome};
use crate::verdict::Verdict;

/// Judged: the replies that say what was decided.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("acknowledged-writes", "acknowledged writes", run.options);
    if run.journals.reference().is_none() {
        findings.note("there are no journals");
        return findings.done();
    }
    for operation in &run.history.operations {
        if operation.is_decided() {
            judge_reply(run, operation, &mut findings);
        }
    }
    findings.done()
}

fn judge_reply(run: &Run<'_>, operation: &Operation, findings: &mut VerdictBuilder) {
    let Some(copy) = run.journals.reference() else { return };
    let at = operation.position.unwrap_or(u64::MAX);
    let id = operation.request_id.as_deref().map(RequestId::of);
    let entry = id.and_then(|id| copy.at(copy.position_of(id)?));
    let (wrong, positions) = match entry {
        None if operation.position.is_some_and(|at| !run.journals.must_know(at)) => return,
        None => (
            format!("is in no journal up to position {}", copy.journal.position),
            Vec::new(),
        ),
        Some(entry) => match difference(operation, entry) {
            None => return findings.pass(),
            Some(wrong) => (wrong, vec![entry.position]),
        },
    };
    let positions = operation.position.into_iter().chain(positions).collect();
    let case = Case::at(at, vec![operation], positions, vec![copy.journal.branch]);
    findings.fail(case, || format!("{}, and the write {wrong}", did(operation)));
}

/// How the journal contradicts the reply.
fn difference(operation: &Operation, entry: &Applied) -> Option<String> {
    if operation.position.is_some_and(|position| position != entry.position) {
        return Some(format!("stands at position {} in the journal", entry.position));
    }
    if operation.outcome != entry.outcome {
        let stands = if entry.outcome == Outcome::Accepted {
            "accepted"
        } else {
            "refused otherwise"
        };
        return Some(format!("stands as {stands} in the journal"));
    }
    match operation.balance {
        Some(balance) if balance != entry.balance => Some(format!(
            "was told balance {balance}, and left {} in the journal",
            entry.balance
        )),
        _ => None,
    }
}
