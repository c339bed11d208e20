//! Histories as text, one operation per line: `1 deposit 10 at 2 p7 =110` is customer 1's deposit at branch 2.
//!
//! Optional words: a level; `p7` (position); `=110` (balance); `#x` (request id, by default the line number); `on a`
//! (account, by default `main`); `t10-20` (begin and end in µs, by default 10 µs apart per line); `all` (propagation);
//! `unknown`; `not-applied`; `refused`.

use bank_check::history::{Action, Applied, History, Journal, Level, Operation, Outcome, Propagation, RefusalReason};
use bank_check::{Options, Verdict, judge};

/// History of a transcript, without journals.
pub(crate) fn without_journals(text: &str) -> History {
    let mut history = History::default();
    for (number, line) in (1u64..).zip(text.lines().map(str::trim).filter(|line| !line.is_empty())) {
        let customer: u64 = line.split(' ').next().unwrap().parse().unwrap();
        let earlier = history
            .operations
            .iter()
            .filter(|operation| operation.customer == customer);
        let sequence = earlier.count() as u64 + 1;
        history.operations.push(operation(line, number, customer, sequence));
    }
    history.branches = vec![1, 2, 3];
    history
}

/// History of a transcript with a journal of all decided writes at each of three branches. The bank opened with 100.
pub(crate) fn with_journals(text: &str) -> History {
    let mut history = without_journals(text);
    let opening = Action::Open {
        account: "main".to_owned(),
        amount: 100,
    };
    let mut applied = vec![applied(1, "founding", opening, Outcome::Accepted, 100)];
    for operation in &history.operations {
        let (Some(id), Some(position)) = (&operation.request_id, operation.position) else {
            continue;
        };
        if applied.iter().all(|entry| entry.request_id != *id) {
            let balance = operation.balance.unwrap();
            applied.push(self::applied(
                position,
                id,
                operation.action.clone(),
                operation.outcome,
                balance,
            ));
        }
    }
    applied.sort_by_key(|entry| entry.position);
    let position = applied.last().unwrap().position;
    history.journals = [1, 2, 3].map(|branch| journal(branch, position, &applied)).to_vec();
    history
}

fn journal(branch: u32, position: u64, applied: &[Applied]) -> Journal {
    Journal {
        branch,
        position,
        digest: "d0".to_owned(),
        leaders: Vec::new(),
        entries_head: None,
        applied: applied.to_vec(),
    }
}

/// One journal entry.
pub(crate) fn applied(position: u64, id: &str, action: Action, outcome: Outcome, balance: i64) -> Applied {
    Applied {
        position,
        request_id: id.to_owned(),
        action,
        outcome,
        balance,
        to_balance: None,
        time_us: None,
        applied_us: None,
    }
}

/// The verdict on one guarantee.
pub(crate) fn verdict(history: &History, options: &Options, guarantee: &str) -> Verdict {
    let mut verdicts = judge(history, options).into_iter();
    verdicts.find(|verdict| verdict.guarantee == guarantee).unwrap()
}

/// Verdict in short: "pass 3", "fail 1 of 3" or "unknown".
pub(crate) fn found(verdict: &Verdict) -> String {
    match verdict.outcome().word() {
        "pass" => format!("pass {}", verdict.judged),
        "fail" => format!("fail {} of {}", verdict.failed, verdict.judged),
        other => other.to_owned(),
    }
}

fn operation(line: &str, number: u64, customer: u64, sequence: u64) -> Operation {
    let words: Vec<&str> = line.split(' ').collect();
    let after = |word: &str| {
        words
            .iter()
            .position(|other| *other == word)
            .map(|at| words[at + 1].to_owned())
    };
    let led = |lead: char| words[2..].iter().find_map(|word| word.strip_prefix(lead));
    let account = after("on").unwrap_or("main".to_owned());
    let amount = || words[2].parse().unwrap();
    let action = match words[1] {
        "query" => Action::Query { account },
        "deposit" => {
            let amount = amount();
            Action::Deposit { account, amount }
        }
        "withdraw" => {
            let amount = amount();
            Action::Withdraw { account, amount }
        }
        "transfer" => Action::Transfer {
            account,
            to: after("to").unwrap(),
            amount: amount(),
        },
        "open" => Action::Open { account, amount: 0 },
        other => panic!("{other}"),
    };
    let is_read = words[1] == "query";
    let outcome = match (words.as_slice(), is_read) {
        (words, _) if words.contains(&"unknown") => Outcome::Unknown,
        (words, _) if words.contains(&"not-applied") => Outcome::NotApplied,
        (words, _) if words.contains(&"refused") => Outcome::Refused(RefusalReason::InsufficientFunds),
        (_, true) => Outcome::Answered,
        (_, false) => Outcome::Accepted,
    };
    let level = [
        ("read-your-writes", Level::ReadYourWrites),
        ("monotonic-reads", Level::MonotonicReads),
        ("session", Level::Session),
        ("strong", Level::Strong),
    ];
    let times = words
        .iter()
        .find_map(|word| word.strip_prefix('t')?.split_once('-'))
        .and_then(|(begun, done)| Some((begun.parse().ok()?, done.parse().ok()?)));
    let (invoked_us, completed_us) = times.unwrap_or((10 * number, 10 * number + 5));
    let branch = after("at").unwrap().parse().unwrap();
    let id = led('#').map_or(number.to_string(), str::to_owned);
    Operation {
        customer,
        session: format!("customer {customer}"),
        sequence,
        event: Some(sequence as i64),
        action,
        branch,
        served_by: Some(branch),
        level: level
            .iter()
            .find(|(word, _)| words.contains(word))
            .map_or(Level::Eventual, |(_, level)| *level),
        propagation: if words.contains(&"all") {
            Propagation::All
        } else {
            Propagation::Quorum
        },
        request_id: (!is_read).then_some(id),
        invoked_us,
        completed_us,
        outcome,
        balance: led('=').map(|balance| balance.parse().unwrap()),
        position: led('p').and_then(|position| position.parse().ok()),
        waited_us: 0,
        attempts: 1,
        repeated: false,
        missing_branches: Vec::new(),
        error: None,
    }
}
