//! Agreement: at the same positions all branches have the same commands, outcomes and balances; and every branch's
//! journal is there to be compared.

use crate::analysis::describe::{behind, command};
use crate::analysis::index::Run;
use crate::analysis::journals::Copy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Applied, Operation, Outcome};
use crate::verdict::Verdict;

/// Judged: the entries that are compared with the reference journal, which is the longest that most others agree with.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("agreement", "entries compared", run.options);
    let Some(reference) = run.journals.reference() else {
        findings.note("there are no journals");
        return findings.done();
    };
    for branch in &run.journals.missing {
        findings.fail(Case::at(0, Vec::new(), Vec::new(), vec![*branch]), || {
            format!("the journal of branch {branch} is missing")
        });
    }
    for copy in &run.journals.copies {
        if std::ptr::eq(copy, reference) {
            continue;
        }
        match copy.differs_at {
            None => findings.pass_all(copy.entries.len()),
            Some(at) => fail(run, reference, copy, at, &mut findings),
        }
    }
    findings.done()
}

fn fail(run: &Run<'_>, reference: &Copy<'_>, copy: &Copy<'_>, at: usize, findings: &mut VerdictBuilder) {
    findings.pass_all(at);
    let (here, there) = (copy.entries.get(at), reference.entries.get(at));
    let position = here.into_iter().chain(there).map(|entry| entry.position).min();
    let position = position.unwrap_or(0);
    let at_position = |entry: &&&Applied| entry.position == position;
    let (here, there) = (here.filter(at_position), there.filter(at_position));
    let mut operations: Vec<&Operation> = Vec::new();
    for entry in here.into_iter().chain(there) {
        for operation in behind(run, entry) {
            if !operations.iter().any(|known| std::ptr::eq(*known, operation)) {
                operations.push(operation);
            }
        }
    }
    let branches = [copy.journal.branch, reference.journal.branch];
    findings.fail(
        Case::at(position, operations, vec![position], branches.to_vec()),
        || {
            let [branch, other] = branches;
            let (here, there) = (has(run, here), has(run, there));
            format!("at position {position} branch {branch} has {here}, and branch {other} has {there}")
        },
    );
}

fn has(run: &Run<'_>, entry: Option<&&Applied>) -> String {
    let Some(entry) = entry else {
        return "nothing".to_owned();
    };
    let outcome = match entry.outcome {
        Outcome::Accepted => "accepted",
        _ => "refused",
    };
    format!("{} ({outcome}, balance {})", command(run, entry), entry.balance)
}
