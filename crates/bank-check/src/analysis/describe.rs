//! How witnesses name operations and commands. All judges use the same phrases.

use crate::analysis::index::Run;
use crate::history::{Action, Applied, Operation, Outcome, RefusalReason};

/// What an operation led to: "customer 1 deposited 10 at branch 1 (event 3, position 7)".
pub(crate) fn result(operation: &Operation) -> String {
    let customer = operation.customer;
    let position = operation.position;
    let detail = detail(operation, position.map(|position| format!("position {position}")));
    match operation.outcome {
        Outcome::Accepted | Outcome::Answered => {
            format!("customer {customer} {} {detail}", past_tense(&operation.action))
        }
        Outcome::Refused(refusal) => {
            let why = refusal_reason(refusal);
            format!(
                "customer {customer} was refused {} {detail}, for {why}",
                with_article(&operation.action)
            )
        }
        _ => format!(
            "customer {customer} asked for {} {detail}",
            with_article(&operation.action)
        ),
    }
}

/// A request without its customer: "query at branch 2 (event 4, level eventual)".
pub(crate) fn request(operation: &Operation) -> String {
    let level = operation
        .is_read()
        .then(|| format!("level {}", operation.level.as_str()));
    format!("{} {}", action_name(&operation.action), detail(operation, level))
}

/// A request with its customer: "customer 1's query at branch 2 (event 4, level eventual)".
pub(crate) fn customer_request(operation: &Operation) -> String {
    format!("customer {}'s {}", operation.customer, request(operation))
}

/// "next" if nothing of the same kind came in between, else "later".
pub(crate) fn next_or_later(between: usize) -> &'static str {
    if between == 0 { "next" } else { "later" }
}

/// A command of a journal: "customer 1's deposit of 10 at branch 1 (event 3)". A command that no customer asked for has
/// its request id instead.
pub(crate) fn command(run: &Run<'_>, applied: &Applied) -> String {
    match run.write_of_command(applied) {
        Some(write) => customer_request(write.named_operation()),
        None => format!("the {} (request {})", action_name(&applied.action), applied.request_id),
    }
}

/// Operations that a witness names for a command of a journal: none if no customer asked for it.
pub(crate) fn operations_of<'a>(run: &Run<'a>, applied: &Applied) -> Vec<&'a Operation> {
    run.write_of_command(applied)
        .map(|write| write.named_operation())
        .into_iter()
        .collect()
}

/// Place of an operation: "at branch 2 (event 4, answered by branch 3, …)".
fn detail(operation: &Operation, last: Option<String>) -> String {
    let mut parts = vec![match operation.event {
        Some(event) => format!("event {event}"),
        None => format!("operation {}", operation.sequence),
    }];
    if operation.answering() != operation.branch {
        parts.push(format!("answered by branch {}", operation.answering()));
    }
    parts.extend(last);
    format!("at branch {} ({})", operation.branch, parts.join(", "))
}

/// An action that was carried out: "deposited 10".
fn past_tense(action: &Action) -> String {
    let account_phrase = account_phrase(action);
    match action {
        Action::Query { account } if account == "main" => "queried".to_owned(),
        Action::Query { account } => format!("queried {account}"),
        Action::Deposit { amount, .. } => format!("deposited {amount}{account_phrase}"),
        Action::Withdraw { amount, .. } => format!("withdrew {amount}{account_phrase}"),
        Action::Transfer { account, to, amount } => format!("transferred {amount} from {account} to {to}"),
        Action::Open { account, .. } => format!("opened {account}"),
    }
}

/// An action with its article: "a deposit of 10".
pub(crate) fn with_article(action: &Action) -> String {
    let article = if matches!(action, Action::Open { .. }) {
        "an"
    } else {
        "a"
    };
    format!("{article} {}", action_name(action))
}

/// Name of an action: "deposit of 10".
pub(crate) fn action_name(action: &Action) -> String {
    let account_phrase = account_phrase(action);
    match action {
        Action::Query { .. } => format!("query{account_phrase}"),
        Action::Deposit { amount, .. } => format!("deposit of {amount}{account_phrase}"),
        Action::Withdraw { amount, .. } => format!("withdrawal of {amount}{account_phrase}"),
        Action::Transfer { account, to, amount } => format!("transfer of {amount} from {account} to {to}"),
        Action::Open { account, amount: 0 } => format!("opening of {account}"),
        Action::Open { account, amount } => format!("opening of {account} with {amount}"),
    }
}

/// The account of an action: " of savings". Empty for `main`, the only account of input files.
fn account_phrase(action: &Action) -> String {
    match (action, action.account()) {
        (_, "main") => String::new(),
        (Action::Query { .. }, account) => format!(" of {account}"),
        (Action::Deposit { .. }, account) => format!(" to {account}"),
        (_, account) => format!(" from {account}"),
    }
}

/// Reason of a refusal: "insufficient funds".
pub(crate) fn refusal_reason(refusal: RefusalReason) -> &'static str {
    match refusal {
        RefusalReason::InsufficientFunds => "insufficient funds",
        RefusalReason::NoSuchAccount => "no such account",
        RefusalReason::AccountExists => "an account that exists already",
        RefusalReason::Overflow => "a balance past the largest",
        RefusalReason::SameAccount => "a transfer to the same account",
    }
}
