//! Honest positions without journals: the replies, sorted by position, must be consistent with each other.
//!
//! Nothing else happened between two replies at adjacent positions, so the second balance follows from the first. If a
//! position is missing, its command is not known, and the next reply about each account is not judged.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Operation, Outcome, RefusalReason};
use std::collections::HashMap;

/// Known balance of each account, with the reply that it comes from. `None` stands for the bank's opening.
type Known<'a> = HashMap<&'a str, (i128, Option<&'a Operation>)>;

/// Judges each reply whose balance follows from earlier replies.
pub(crate) fn judge(run: &Run<'_>, verdict: &mut VerdictBuilder) {
    verdict.note("there are no journals: each reply is judged by the replies just before it");
    let mut replies: Vec<(u64, &Operation, i128)> = run.history.operations.iter().filter_map(reply).collect();
    // At one position, the write comes before the reads of its state.
    replies.sort_by_key(|(position, operation, _)| (*position, operation.is_read(), operation.completed_us));
    let mut known = Known::new();
    let mut covered = 0;
    if let (Some(opening), true) = (run.options.opening, run.options.before == 1) {
        known.insert("main", (i128::from(opening), None));
        covered = 1;
    }
    for (position, operation, found) in replies {
        // A read does not show what the command at its position did to other accounts.
        let is_next = position == covered + 1 && !operation.is_read();
        if position > covered && !is_next {
            known.clear();
        }
        let is_new = position > covered;
        covered = covered.max(position);
        let account = operation.action.account();
        let before = known.get(account).copied();
        let change = if is_new { change(operation) } else { 0 };
        if let Some((balance, earlier)) = before {
            compare(operation, balance + change, found, earlier, position, verdict);
        }
        known.insert(account, (found, Some(operation)));
        if let (Action::Transfer { to, amount, .. }, Outcome::Accepted, true) =
            (&operation.action, operation.outcome, is_new)
            && let Some((balance, _)) = known.get(to.as_str()).copied()
        {
            known.insert(to, (balance + i128::from(*amount), Some(operation)));
        }
    }
}

/// Position, operation and balance of a reply, if the balance is that of the account in the request.
fn reply(operation: &Operation) -> Option<(u64, &Operation, i128)> {
    let is_own_balance = match operation.outcome {
        Outcome::Answered | Outcome::Accepted => true,
        // Other refusals may report another account's balance or none.
        Outcome::Refused(refusal) => matches!(
            (refusal, &operation.action),
            (RefusalReason::InsufficientFunds, Action::Withdraw { .. })
        ),
        _ => false,
    };
    let balance = operation.balance.filter(|_| is_own_balance)?;
    Some((operation.position?, operation, i128::from(balance)))
}

/// Change of the account in the request by an accepted write.
fn change(operation: &Operation) -> i128 {
    match (operation.outcome, &operation.action) {
        (Outcome::Accepted, Action::Deposit { amount, .. }) => i128::from(*amount),
        (Outcome::Accepted, Action::Withdraw { amount, .. } | Action::Transfer { amount, .. }) => -i128::from(*amount),
        _ => 0,
    }
}

fn compare(
    operation: &Operation,
    expected: i128,
    found: i128,
    earlier: Option<&Operation>,
    position: u64,
    verdict: &mut VerdictBuilder,
) {
    if found == expected {
        verdict.pass();
        return;
    }
    let operations = earlier.into_iter().chain([operation]).collect();
    let case = Case::at(position, operations, vec![position], Vec::new());
    verdict.fail(case, || {
        let answered = if operation.is_read() {
            let read = describe::customer_request(operation);
            format!("{read} answered balance {found} from position {position}")
        } else {
            format!("{}, and was told balance {found}", describe::result(operation))
        };
        let earlier = earlier.map_or("the bank's opening".to_owned(), describe::customer_request);
        format!("{answered}, but right after {earlier} it had to be {expected}")
    });
}
