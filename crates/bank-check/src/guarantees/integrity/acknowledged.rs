//! Acknowledged writes: a write whose decision a customer knows is in the journal, with the position, outcome and
//! balance of the reply. A write with an unknown outcome may be in the journal or not.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::request_id::RequestId;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Applied, Operation, Outcome};
use crate::verdict::{Unit, Verdict};

/// Writes with a decision that their customer was told.
const ACKNOWLEDGED: Unit = Unit::new("acknowledged write", "acknowledged writes");

/// Judges each reply that has a decision.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("acknowledged-writes", ACKNOWLEDGED, run.options);
    if run.journals.reference().is_none() {
        verdict.note("there are no journals");
        return verdict.build();
    }
    for operation in &run.history.operations {
        if operation.is_decided() {
            judge_reply(run, operation, &mut verdict);
        }
    }
    verdict.build()
}

fn judge_reply(run: &Run<'_>, operation: &Operation, verdict: &mut VerdictBuilder) {
    let Some(copy) = run.journals.reference() else { return };
    let at = operation.position.unwrap_or(u64::MAX);
    let id = operation.request_id.as_deref().map(RequestId::of);
    let entry = id.and_then(|id| copy.at(copy.position_of(id)?));
    let (difference, positions) = match entry {
        None if operation.position.is_some_and(|at| !run.journals.must_know(at)) => return,
        None => (
            format!("is in no journal up to position {}", copy.journal.position),
            Vec::new(),
        ),
        Some(entry) => match difference_from(operation, entry) {
            None => return verdict.pass(),
            Some(difference) => (difference, vec![entry.position]),
        },
    };
    let positions = operation.position.into_iter().chain(positions).collect();
    let case = Case::at(at, vec![operation], positions, vec![copy.journal.branch]);
    verdict.fail(case, || {
        format!("{}, and the write {difference}", describe::result(operation))
    });
}

/// How the journal entry differs from the reply.
fn difference_from(operation: &Operation, entry: &Applied) -> Option<String> {
    if operation.position.is_some_and(|position| position != entry.position) {
        return Some(format!("stands at position {} in the journal", entry.position));
    }
    if operation.outcome != entry.outcome {
        let decided = if entry.outcome == Outcome::Accepted {
            "accepted"
        } else {
            "refused for another reason"
        };
        return Some(format!("is {decided} in the journal"));
    }
    match operation.balance {
        Some(balance) if balance != entry.balance => Some(format!(
            "has balance {balance} in its reply and {} in the journal",
            entry.balance
        )),
        _ => None,
    }
}
