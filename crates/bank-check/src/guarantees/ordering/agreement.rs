//! Agreement: all branches have the same commands, outcomes and balances at the same positions, and no branch's journal
//! is missing.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::journals::JournalCopy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Applied, Operation, Outcome};
use crate::verdict::{Unit, Verdict};

/// Entries of a journal that were compared with those of another.
const COMPARED: Unit = Unit::new("entry compared", "entries compared");

/// Judges each entry that is compared with the reference journal.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("agreement", COMPARED, run.options);
    let Some(reference) = run.journals.reference() else {
        verdict.note("there are no journals");
        return verdict.build();
    };
    for branch in &run.journals.missing {
        verdict.fail_missing(*branch, || format!("the journal of branch {branch} is missing"));
    }
    for copy in &run.journals.copies {
        if std::ptr::eq(copy, reference) {
            continue;
        }
        match copy.differs_at {
            None => verdict.pass_all(copy.entries.len()),
            Some(at) => fail(run, reference, copy, at, &mut verdict),
        }
    }
    verdict.build()
}

fn fail(run: &Run<'_>, reference: &JournalCopy<'_>, copy: &JournalCopy<'_>, at: usize, verdict: &mut VerdictBuilder) {
    verdict.pass_all(at);
    let (here, there) = (copy.entries.get(at), reference.entries.get(at));
    let position = here.into_iter().chain(there).map(|entry| entry.position).min();
    let position = position.unwrap_or(0);
    let at_position = |entry: &&&Applied| entry.position == position;
    let (here, there) = (here.filter(at_position), there.filter(at_position));
    let mut operations: Vec<&Operation> = Vec::new();
    for entry in here.into_iter().chain(there) {
        for operation in describe::operations_of(run, entry) {
            if !operations.iter().any(|known| std::ptr::eq(*known, operation)) {
                operations.push(operation);
            }
        }
    }
    let branches = [copy.journal.branch, reference.journal.branch];
    verdict.fail(
        Case::at(position, operations, vec![position], branches.to_vec()),
        || {
            let [branch, other] = branches;
            let (here, there) = (describe_entry(run, here), describe_entry(run, there));
            format!("at position {position} branch {branch} has {here}, and branch {other} has {there}")
        },
    );
}

fn describe_entry(run: &Run<'_>, entry: Option<&&Applied>) -> String {
    let Some(entry) = entry else {
        return "nothing".to_owned();
    };
    let outcome = match entry.outcome {
        Outcome::Accepted => "accepted",
        _ => "refused",
    };
    format!(
        "{} ({outcome}, balance {})",
        describe::command(run, entry),
        entry.balance
    )
}
