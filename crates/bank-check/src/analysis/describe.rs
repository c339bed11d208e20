//! How witnesses name things, so that all judges name them alike.

use crate::analysis::index::{Run, Write};
use crate::history::{Action, Applied, Level, Operation, Outcome, Refusal};

/// "customer 1 deposited 10 at branch 1 (event 3, position 7)"
pub(crate) fn did(operation: &Operation) -> String {
    let customer = operation.customer;
    let position = operation.position;
    let detail = detail(operation, position.map(|position| format!("position {position}")));
    match operation.outcome {
        Outcome::Accepted | Outcome::Answered => format!("customer {customer} {} {detail}", past(&operation.action)),
        Outcome::Refused(refusal) => {
            let why = why(refusal);
            format!(
                "customer {customer} was refused {} {detail}, for {why}",
                noun(&operation.action)
            )
        }
        _ => format!("customer {customer} asked for {} {detail}", noun(&operation.action)),
    }
}

/// "query at branch 2 (event 4, level eventual)", "withdrawal of 5 at branch 2 (event 5)"
pub(crate) fn asked(operation: &Operation) -> String {
    if operation.is_read() {
        let level = format!("level {}", level(operation.level));
        format!("query{} {}", on(&operation.action), detail(operation, Some(level)))
    } else {
        format!("{} {}", bare(&operation.action), detail(operation, None))
    }
}

/// "customer 1's query at branch 2 (event 4, level eventual)"
pub(crate) fn whose(operation: &Operation) -> String {
    format!("customer {}'s {}", operation.customer, asked(operation))
}

/// "next" or "later", by whether something of its kind stands between it and what it follows.
pub(crate) fn next_or_later(between: usize) -> &'static str {
    if between == 0 { "next" } else { "later" }
}

/// "customer 1's deposit of 10 at branch 1 (event 3)", or what the journal knows of one that no customer asked for.
pub(crate) fn command(run: &Run<'_>, applied: &Applied) -> String {
    match run.write_behind(applied) {
        Some(write) => whose(operation_of(write)),
        None => format!("the {} (request {})", bare(&applied.action), applied.request_id),
    }
}

/// The operations that a witness about a command of a journal points at.
pub(crate) fn behind<'a>(run: &Run<'a>, applied: &Applied) -> Vec<&'a Operation> {
    run.write_behind(applied).map(operation_of).into_iter().collect()
}

/// The operation that speaks for a write: the one that heard the decision, or the first.
pub(crate) fn operation_of<'a>(write: &Write<'a>) -> &'a Operation {
    write.decided.unwrap_or(write.first)
}

/// "at branch 2 (event 4, answered by branch 3, …)"
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

/// "deposited 10"
fn past(action: &Action) -> String {
    let on = on(action);
    match action {
        Action::Query { account } if account == "main" => "queried".to_owned(),
        Action::Query { account } => format!("queried {account}"),
        Action::Deposit { amount, .. } => format!("deposited {amount}{on}"),
        Action::Withdraw { amount, .. } => format!("withdrew {amount}{on}"),
        Action::Transfer { account, to, amount } => format!("transferred {amount} from {account} to {to}"),
        Action::Open { account, .. } => format!("opened {account}"),
    }
}

/// "a deposit of 10"
fn noun(action: &Action) -> String {
    let article = if matches!(action, Action::Open { .. }) {
        "an"
    } else {
        "a"
    };
    format!("{article} {}", bare(action))
}

/// "deposit of 10"
pub(crate) fn bare(action: &Action) -> String {
    let on = on(action);
    match action {
        Action::Query { .. } => format!("query{on}"),
        Action::Deposit { amount, .. } => format!("deposit of {amount}{on}"),
        Action::Withdraw { amount, .. } => format!("withdrawal of {amount}{on}"),
        Action::Transfer { account, to, amount } => format!("transfer of {amount} from {account} to {to}"),
        Action::Open { account, amount: 0 } => format!("opening of {account}"),
        Action::Open { account, amount } => format!("opening of {account} with {amount}"),
    }
}

/// Nothing for `main`, the one account of input files.
fn on(action: &Action) -> String {
    match (action, action.account()) {
        (_, "main") => String::new(),
        (Action::Query { .. }, account) => format!(" of {account}"),
        (Action::Deposit { .. }, account) => format!(" to {account}"),
        (_, account) => format!(" from {account}"),
    }
}

/// "insufficient funds"
pub(crate) fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::InsufficientFunds => "insufficient funds",
        Refusal::NoSuchAccount => "no such account",
        Refusal::AccountExists => "an account that exists already",
        Refusal::Overflow => "a balance past the largest",
        Refusal::SameAccount => "a transfer to the same account",
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Eventual => "eventual",
        Level::ReadYourWrites => "read-your-writes",
        Level::MonotonicReads => "monotonic-reads",
        Level::Session => "session",
        Level::Strong => "strong",
    }
}
