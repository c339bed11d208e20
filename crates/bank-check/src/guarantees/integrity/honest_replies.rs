//! Honest positions without a journal: the replies, in the order of their positions, have to explain each other.
//!
//! Between two replies at adjacent positions nothing else happened, so the second balance follows from the first. Where
//! a position is missing, what stands there is not known, and the next reply about an account is believed.

use crate::analysis::describe::{asked, did};
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Operation, Outcome};
use std::collections::HashMap;

/// What is known of one account, and the reply that says so; `None`: the bank's opening.
type Known<'a> = HashMap<&'a str, (i128, Option<&'a Operation>)>;

/// Judged: the replies whose balance follows from those before them.
pub(crate) fn judge(run: &Run<'_>, findings: &mut VerdictBuilder) {
    findings.note("there are no journals: each reply is judged by those at the positions just before it");
    let mut replies: Vec<(u64, &Operation, i128)> = run.history.operations.iter().filter_map(reply).collect();
    // The write of a position before those that read it.
    replies.sort_by_key(|(position, operation, _)| (*position, operation.is_read(), operation.completed_us));
    let mut known = Known::new();
    let mut covered = 0;
    if let (Some(opening), true) = (run.options.opening, run.options.before == 1) {
        known.insert("main", (i128::from(opening), None));
        covered = 1;
    }
    for (position, operation, said) in replies {
        // A read tells nothing of what the command at its position did to other accounts.
        let is_next = position == covered + 1 && !operation.is_read();
        if position > covered && !is_next {
            known.clear();
        }
        let is_new = position > covered;
        covered = covered.max(position);
        let account = operation.action.account();
        let before = known.get(account).copied();
        let moved = if is_new { moved(operation) } else { 0 };
        if let Some((balance, because)) = before {
            compare(operation, balance + moved, said, because, position, findings);
        }
        known.insert(account, (said, Some(operation)));
        if let (Action::Transfer { to, amount, .. }, Outcome::Accepted, true) =
            (&operation.action, operation.outcome, is_new)
            && let Some((balance, _)) = known.get(to.as_str()).copied()
        {
            known.insert(to, (balance + i128::from(*amount), Some(operation)));
        }
    }
}

/// A reply whose balance is that of the account it names.
fn reply(operation: &Operation) -> Option<(u64, &Operation, i128)> {
    let is_told = match operation.outcome {
        Outcome::Answered | Outcome::Accepted => true,
        // Of other refusals the balance may be another account's, or none.
        Outcome::Refused(refusal) => matches!(
            (refusal, &operation.action),
            (crate::history::Refusal::InsufficientFunds, Action::Withdraw { .. })
        ),
        _ => false,
    };
    let balance = operation.balance.filter(|_| is_told)?;
    Some((operation.position?, operation, i128::from(balance)))
}

/// By how much an accepted write moves its account.
fn moved(operation: &Operation) -> i128 {
    match (operation.outcome, &operation.action) {
        (Outcome::Accepted, Action::Deposit { amount, .. }) => i128::from(*amount),
        (Outcome::Accepted, Action::Withdraw { amount, .. } | Action::Transfer { amount, .. }) => -i128::from(*amount),
        _ => 0,
    }
}

fn compare(
    operation: &Operation,
    expected: i128,
    said: i128,
    because: Option<&Operation>,
    position: u64,
    findings: &mut VerdictBuilder,
) {
    if said == expected {
        findings.pass();
        return;
    }
    let operations = because.into_iter().chain([operation]).collect();
    let case = Case::at(position, operations, vec![position], Vec::new());
    findings.fail(case, || {
        let answered = if operation.is_read() {
            let (customer, read) = (operation.customer, asked(operation));
            format!("customer {customer}'s {read} answered balance {said} from position {position}")
        } else {
            format!("{}, and was told balance {said}", did(operation))
        };
        let reason = match because {
            Some(reply) if reply.is_read() => format!("customer {}'s {}", reply.customer, asked(reply)),
            Some(reply) => did(reply),
            None => "the bank's opening".to_owned(),
        };
        format!("{answered}, but by what is just before it, {reason}, it had to be {expected}")
    });
}
