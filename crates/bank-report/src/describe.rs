//! Operations, faults, times and counts as text.

use bank_check::history::{Action, Fault, FaultKind, Operation, Outcome, RefusalReason};

/// An action, such as `deposit 10`. The account is named unless it is `main`.
fn action(action: &Action) -> String {
    let amount = action.amount().map(|amount| format!(" {amount}"));
    let accounts = match (action.account(), action.to()) {
        (account, Some(to)) => format!(" from {account} to {to}"),
        ("main", None) => String::new(),
        (account, None) => format!(" ({account})"),
    };
    format!("{}{}{accounts}", action.kind(), amount.unwrap_or_default())
}

/// An operation, such as `customer 1: deposit 10 at branch 3 (event 4), written at position 7`.
pub(crate) fn operation(operation: &Operation) -> String {
    let event = operation.event.map(|event| format!(" (event {event})"));
    let answer = operation.balance.filter(|_| operation.is_read());
    let answer = answer.map(|balance| format!(", answered {balance}"));
    let result = match operation.position {
        None => format!(", {}", outcome(operation.outcome)),
        Some(position) if operation.is_read() => format!(" from position {position}"),
        Some(position) => format!(", written at position {position}"),
    };
    format!(
        "customer {}: {} at branch {}{}{}{result}",
        operation.customer,
        action(&operation.action),
        operation.answering(),
        event.unwrap_or_default(),
        answer.unwrap_or_default(),
    )
}

/// Level of a read, or propagation of a write.
pub(crate) fn level_or_propagation(operation: &Operation) -> &'static str {
    if operation.is_read() {
        operation.level.as_str()
    } else {
        operation.propagation.as_str()
    }
}

/// Outcome of an operation in a few words.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Accepted => "accepted",
        Outcome::Refused(RefusalReason::InsufficientFunds) => "refused: insufficient funds",
        Outcome::Refused(RefusalReason::NoSuchAccount) => "refused: no such account",
        Outcome::Refused(RefusalReason::AccountExists) => "refused: the account exists",
        Outcome::Refused(RefusalReason::Overflow) => "refused: overflow",
        Outcome::Refused(RefusalReason::SameAccount) => "refused: the same account twice",
        Outcome::NotApplied => "not applied",
        Outcome::Unknown => "unknown",
        Outcome::Failed => "not answered",
    }
}

/// True if the customer got the bank's answer or decision.
pub(crate) fn was_answered(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Answered | Outcome::Accepted | Outcome::Refused(_))
}

/// True if the bank did what the customer asked for.
pub(crate) fn was_carried_out(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Answered | Outcome::Accepted)
}

/// What happened when a guarantee was broken. `None` for a guarantee whose name says it.
pub(crate) fn broken(guarantee: &str) -> Option<&'static str> {
    match guarantee {
        "read-your-writes" => Some("A read did not show everything that its customer had written before."),
        "monotonic-reads" => Some("A read showed an older state than an earlier read of the same customer."),
        "monotonic-writes" => {
            Some("A branch applied a customer's writes in another order than the customer made them.")
        }
        "writes-follow-reads" => {
            Some("A branch applied a customer's write before a write that the customer had already seen.")
        }
        "linearizability" => Some("An operation did not see a write that was completed before the operation began."),
        "no-future-reads" => Some("A read showed a write that no customer had begun before the read was done."),
        "entries-chained" => Some("The entries of a branch are not those that the head of their chain stands for."),
        _ => None,
    }
}

/// A fault with the branches that it concerns.
pub fn fault(fault: &Fault) -> String {
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

/// A fault in one or two words, for a narrow space.
pub(crate) fn fault_short(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Hold { .. } => "held back",
        FaultKind::Delay { .. } => "delayed",
        FaultKind::Cut { .. } => "cut off",
        FaultKind::Pause { .. } => "paused",
        FaultKind::Kill { .. } => "killed",
    }
}

/// Branches whose lanes show a fault. Empty means every branch.
pub(crate) fn affected_branches(kind: &FaultKind) -> Vec<u32> {
    match *kind {
        FaultKind::Hold { to } => vec![to],
        FaultKind::Delay { to, .. } => vec![to],
        FaultKind::Cut { from, to } => [from, to].into_iter().flatten().collect(),
        FaultKind::Pause { branch } | FaultKind::Kill { branch } => vec![branch],
    }
}

/// A time with three digits and a unit: `850 µs`, `1.25 ms`, `12.3 s`.
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

/// A number with its thousands apart: `12 345`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bank_check::history::{Level, Propagation};

    /// A query that was answered from position 1.
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
