//! Operations, faults and times in plain words.

use bank_check::history::{Action, Fault, FaultKind, Level, Operation, Outcome, Propagation, Refusal};

/// Such as `query`.
pub(crate) fn kind(action: &Action) -> &'static str {
    match action {
        Action::Query { .. } => "query",
        Action::Deposit { .. } => "deposit",
        Action::Withdraw { .. } => "withdraw",
        Action::Transfer { .. } => "transfer",
        Action::Open { .. } => "open",
    }
}

/// Anything but a query.
pub(crate) fn is_write(action: &Action) -> bool {
    !matches!(action, Action::Query { .. })
}

/// The account, the other account, and the amount.
pub(crate) fn parts(action: &Action) -> (&str, Option<&str>, Option<i64>) {
    match action {
        Action::Query { account } => (account, None, None),
        Action::Deposit { account, amount }
        | Action::Withdraw { account, amount }
        | Action::Open { account, amount } => (account, None, Some(*amount)),
        Action::Transfer { account, to, amount } => (account, Some(to), Some(*amount)),
    }
}

/// What is asked, such as `deposit 10`. The account is named unless it is `main`.
pub(crate) fn action(action: &Action) -> String {
    let (account, to, amount) = parts(action);
    let mut words = kind(action).to_owned();
    if let Some(amount) = amount {
        words.push_str(&format!(" {amount}"));
    }
    match to {
        Some(to) => words.push_str(&format!(" from {account} to {to}")),
        None if account != "main" => words.push_str(&format!(" ({account})")),
        None => {}
    }
    words
}

/// An operation in one line, such as `customer 1: deposit 10 at branch 3 (event 4), position 7`.
pub(crate) fn operation(operation: &Operation) -> String {
    let mut words = format!(
        "customer {}: {} at branch {}",
        operation.customer,
        action(&operation.action),
        operation.served_by.unwrap_or(operation.branch)
    );
    if let Some(event) = operation.event {
        words.push_str(&format!(" (event {event})"));
    }
    if let (Action::Query { .. }, Some(balance)) = (&operation.action, operation.balance) {
        words.push_str(&format!(", answered {balance}"));
    }
    match (&operation.action, operation.position) {
        (_, None) => words.push_str(&format!(", {}", outcome(operation.outcome))),
        (Action::Query { .. }, Some(position)) => words.push_str(&format!(" from position {position}")),
        (_, Some(position)) => words.push_str(&format!(", written at position {position}")),
    }
    words
}

/// What a read promised, or what a write waited for.
pub(crate) fn asked_for(operation: &Operation) -> &'static str {
    match operation.action {
        Action::Query { .. } => level(operation.level),
        _ => propagation(operation.propagation),
    }
}

/// As on the command line.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::Eventual => "eventual",
        Level::ReadYourWrites => "read-your-writes",
        Level::MonotonicReads => "monotonic-reads",
        Level::Session => "session",
        Level::Strong => "strong",
    }
}

/// As on the command line.
pub(crate) fn propagation(propagation: Propagation) -> &'static str {
    match propagation {
        Propagation::Quorum => "quorum",
        Propagation::All => "all",
    }
}

/// In one or a few words.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Accepted => "accepted",
        Outcome::Refused(Refusal::InsufficientFunds) => "refused: insufficient funds",
        Outcome::Refused(Refusal::NoSuchAccount) => "refused: no such account",
        Outcome::Refused(Refusal::AccountExists) => "refused: the account exists",
        Outcome::Refused(Refusal::Overflow) => "refused: overflow",
        Outcome::Refused(Refusal::SameAccount) => "refused: the same account twice",
        Outcome::NotApplied => "not applied",
        Outcome::Unknown => "unknown",
        Outcome::Failed => "not answered",
    }
}

/// Whether the bank decided, for or against.
pub(crate) fn was_answered(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Answered | Outcome::Accepted | Outcome::Refused(_))
}

/// Whether what was asked for was done.
pub(crate) fn was_carried_out(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Answered | Outcome::Accepted)
}

/// What a guarantee promises, in words; none of those that are plain from their names.
pub(crate) fn meaning(guarantee: &str) -> Option<&'static str> {
    match guarantee {
        "read-your-writes" => {
            Some("It would mean that a customer's read shows all that the customer has written before.")
        }
        "monotonic-reads" => Some("It would mean that what a customer has once been shown, its later reads show too."),
        "monotonic-writes" => Some("It would mean that a customer's writes stand in the order in which it made them."),
        "writes-follow-reads" => {
            Some("It would mean that a customer's write stands behind all that the customer had been shown.")
        }
        "linearizability" => {
            Some("It would mean that an operation sees all that was done, by anyone, before it began.")
        }
        _ => None,
    }
}

/// What befell whom, in words.
pub(crate) fn fault(fault: &Fault) -> String {
    match fault.kind {
        FaultKind::Hold { to } => format!("what is sent to branch {to} is held back"),
        FaultKind::Delay { from: None, to, by_us } => {
            format!("what is sent to branch {to} is delayed by {}", time(by_us))
        }
        FaultKind::Delay {
            from: Some(from),
            to,
            by_us,
        } => format!("branch {from} to branch {to} delayed by {}", time(by_us)),
        FaultKind::Cut { from: None, to: None } => "all branches cut off from each other".to_owned(),
        FaultKind::Cut {
            from: Some(from),
            to: None,
        } => format!("nothing gets from branch {from} to other branches"),
        FaultKind::Cut {
            from: None,
            to: Some(to),
        } => format!("nothing gets from other branches to branch {to}"),
        FaultKind::Cut {
            from: Some(from),
            to: Some(to),
        } => format!("nothing gets from branch {from} to branch {to}"),
        FaultKind::Pause { branch } => format!("branch {branch} paused"),
        FaultKind::Kill { branch } => format!("branch {branch} killed"),
    }
}

/// What befell a branch, on its own lane.
pub(crate) fn fault_word(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Hold { .. } => "held back",
        FaultKind::Delay { .. } => "delayed",
        FaultKind::Cut { .. } => "cut off",
        FaultKind::Pause { .. } => "paused",
        FaultKind::Kill { .. } => "killed",
    }
}

/// The branches whose lanes a fault is drawn on; empty: all.
pub(crate) fn touched(kind: &FaultKind) -> Vec<u32> {
    match *kind {
        FaultKind::Hold { to } => vec![to],
        FaultKind::Delay { to, .. } => vec![to],
        FaultKind::Cut { from, to } => [from, to].into_iter().flatten().collect(),
        FaultKind::Pause { branch } | FaultKind::Kill { branch } => vec![branch],
    }
}

/// Three digits and a unit: `850 µs`, `1.25 ms`, `12.3 s`.
pub(crate) fn time(us: u64) -> String {
    let (value, unit) = match us {
        0..1_000 => return format!("{us} µs"),
        1_000..1_000_000 => (us as f64 / 1e3, "ms"),
        _ => (us as f64 / 1e6, "s"),
    };
    let digits = match value {
        0.0..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// Thousands apart: `12 345`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut apart = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            apart.push('\u{202f}');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An answered query of position 1.
    pub(crate) fn operation(session: &str, sequence: u64) -> Operation {
        Operation {
            customer: 1,
            session: session.to_owned(),
            sequence,
            event: None,
            action: Action::Query { account: "main".into() },
            branch: 1,
            served_by: Some(1),
            level: Level::Session,
            propagation: Propagation::Quorum,
            request_id: None,
            invoked_us: 100 * sequence,
            completed_us: 100 * sequence + 50,
            outcome: Outcome::Answered,
            balance: Some(0),
            position: Some(1),
            waited_us: 0,
            attempts: 1,
            repeated: false,
            missing_branches: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn times_have_three_digits() {
        let table = [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_250, "1.25 ms"),
            (12_340, "12.3 ms"),
            (999_000, "999 ms"),
            (1_500_000, "1.50 s"),
            (123_000_000, "123 s"),
        ];
        for (us, words) in table {
            assert_eq!(time(us), words);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0, 999, 1000, 12345].map(count),
            ["0", "999", "1\u{202f}000", "12\u{202f}345"]
        );
    }

    #[test]
    fn an_operation_in_one_line() {
        assert_eq!(
            super::operation(&operation("a", 1)),
            "customer 1: query at branch 1, answered 0 from position 1"
        );
    }
}
