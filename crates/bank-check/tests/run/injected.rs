//! Violations that are injected into a correct history, each with the guarantee that must fail.

use crate::model::{Dice, balance_at};
use bank_check::history::{Action, Applied, History, Level, Operation, Outcome, RefusalReason};

/// Adds one violation to a history. Returns false if the history has no place for it.
type Inject = fn(&mut History, &mut Dice) -> bool;

/// Guarantee, name of the violation, and the function that injects it.
pub(crate) const VIOLATIONS: [(&str, &str, Inject); 26] = [
    ("read-your-writes", "a stale read served as session", stale_session_read),
    ("monotonic-reads", "a read that goes back", read_goes_back),
    (
        "monotonic-writes",
        "a session's writes swapped at one branch",
        swap_own_writes,
    ),
    ("writes-follow-reads", "a write before what was read", read_what_follows),
    (
        "writes-follow-reads",
        "a write before what was read, at one branch",
        swap_read_and_write,
    ),
    ("linearizability", "a stale strong read", stale_strong_read),
    ("linearizability", "a write before one that had completed", swap_times),
    (
        "no-future-reads",
        "a read of a write that nobody had begun",
        future_read,
    ),
    (
        "no-future-reads",
        "a read of a write that nobody had begun, without journals and positions of writes",
        future_read_without_positions,
    ),
    (
        "no-future-reads",
        "a balance that the writes begun so far cannot give, without journals",
        future_balance,
    ),
    ("honest-positions", "a balance that is off by one", balance_off_by_one),
    ("conservation", "money from nowhere in a transfer", transfer_makes_money),
    ("no-overdraft", "an accepted overdraft", overdraft),
    ("true-decisions", "a wrong refusal", false_refusal),
    ("true-decisions", "a wrong acceptance", false_acceptance),
    ("replayed-balances", "a lost update", lost_update),
    ("at-most-once", "a forgotten request id", doubled_id),
    ("acknowledged-writes", "a lost write", lost_write),
    ("attempted-writes", "a write that no customer asked for", not_requested),
    (
        "rejected-writes",
        "a write reported as not applied, but applied",
        applied_although_not_applied,
    ),
    ("agreement", "a branch that applies out of order", swap_at_one_branch),
    (
        "agreement",
        "a journal without an acknowledged write",
        lost_at_one_branch,
    ),
    ("agreement", "a missing journal", missing_journal),
    ("digests", "a missing digest", missing_digest),
    ("digests", "a digest that differs", other_digest),
    ("applied-order", "positions that fall", falling_positions),
];

fn reads_at(history: &History, fits: impl Fn(&Operation) -> bool) -> Vec<usize> {
    let read = |operation: &Operation| operation.outcome == Outcome::Answered && fits(operation);
    (0..history.operations.len())
        .filter(|at| read(&history.operations[*at]))
        .collect()
}

/// Indexes of entries in the first journal, without the opening.
fn entries(history: &History, fits: impl Fn(&Applied) -> bool) -> Vec<usize> {
    let applied = &history.journals[0].applied;
    (1..applied.len()).filter(|at| fits(&applied[*at])).collect()
}

fn choose(dice: &mut Dice, from: &[usize]) -> Option<usize> {
    (!from.is_empty()).then(|| *dice.pick(from))
}

/// Moves a read to another position, with the correct balance of that position.
fn move_read(history: &mut History, at: usize, position: u64) -> bool {
    let Action::Query { account } = &history.operations[at].action else {
        return false;
    };
    let Some(balance) = balance_at(&history.journals[0].applied, account, position) else {
        return false;
    };
    history.operations[at].position = Some(position);
    history.operations[at].balance = Some(balance);
    true
}

/// Highest position of the session's earlier operations that match `fits`.
fn before(history: &History, at: usize, fits: impl Fn(&Operation) -> bool) -> Option<u64> {
    let session = &history.operations[at].session;
    let own = history.operations[..at]
        .iter()
        .filter(|other| other.session == *session);
    own.filter(|other| fits(other)).filter_map(|other| other.position).max()
}

fn is_query(operation: &Operation) -> bool {
    matches!(operation.action, Action::Query { .. })
}

fn stale_session_read(history: &mut History, dice: &mut Dice) -> bool {
    let session = |operation: &Operation| operation.level == Level::Session;
    let written = |at: &usize| before(history, *at, |other| !is_query(other));
    let mut reads = reads_at(history, session);
    reads.retain(|at| written(at).is_some());
    let Some(at) = choose(dice, &reads) else { return false };
    let position = written(&at).unwrap() - 1;
    move_read(history, at, position)
}

fn read_goes_back(history: &mut History, dice: &mut Dice) -> bool {
    let mut reads = reads_at(history, |_| true);
    reads.retain(|at| before(history, *at, is_query).is_some_and(|position| position > 1));
    let Some(at) = choose(dice, &reads) else { return false };
    let position = before(history, at, is_query).unwrap() - 1;
    move_read(history, at, position)
}

/// Swaps two commands of a journal but not their positions.
fn swap_content(applied: &mut [Applied], one: usize, other: usize) {
    let positions = (applied[one].position, applied[other].position);
    applied.swap(one, other);
    applied[one].position = positions.0;
    applied[other].position = positions.1;
}

fn second_journal(history: &mut History) -> &mut Vec<Applied> {
    // The model gives the first two branches all commands.
    &mut history.journals[1].applied
}

fn swap_own_writes(history: &mut History, dice: &mut Dice) -> bool {
    let place = |position: Option<u64>| {
        let applied = &history.journals[0].applied;
        applied.iter().position(|entry| Some(entry.position) == position)
    };
    let mut pairs = Vec::new();
    for (at, one) in history.operations.iter().enumerate() {
        let decided =
            |operation: &Operation| !is_query(operation) && operation.position.is_some() && !operation.repeated;
        let after = history.operations[at + 1..]
            .iter()
            .find(|other| other.session == one.session && decided(other));
        if let (true, Some(other)) = (decided(one), after) {
            pairs.extend(place(one.position).zip(place(other.position)));
        }
    }
    if pairs.is_empty() {
        return false;
    }
    let (one, other) = *dice.pick(&pairs);
    swap_content(second_journal(history), one, other);
    true
}

/// Reads, each with the position of the session's next write.
fn reads_and_writes(history: &History) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    for at in reads_at(history, |_| true) {
        let session = &history.operations[at].session;
        let after = history.operations[at + 1..]
            .iter()
            .find(|other| other.session == *session);
        let write = after.filter(|other| !is_query(other) && !other.repeated);
        found.extend(write.and_then(|write| write.position).map(|position| (at, position)));
    }
    found
}

fn read_what_follows(history: &mut History, dice: &mut Dice) -> bool {
    let found = reads_and_writes(history);
    if found.is_empty() {
        return false;
    }
    let (at, position) = *dice.pick(&found);
    move_read(history, at, position)
}

fn swap_read_and_write(history: &mut History, dice: &mut Dice) -> bool {
    let found = reads_and_writes(history);
    if found.is_empty() {
        return false;
    }
    let (at, position) = *dice.pick(&found);
    let read = history.operations[at].position.unwrap();
    let applied = second_journal(history);
    let one = applied.partition_point(|entry| entry.position <= read) - 1;
    let other = applied.partition_point(|entry| entry.position < position);
    swap_content(applied, one, other);
    true
}

fn stale_strong_read(history: &mut History, dice: &mut Dice) -> bool {
    let done_before = |at: &usize| {
        let begun = history.operations[*at].invoked_us;
        let binds = |other: &&Operation| !is_query(other) && other.completed_us < begun;
        let done = history.operations.iter().filter(binds);
        done.filter_map(|other| other.position).max()
    };
    let mut reads = reads_at(history, |read| read.level == Level::Strong);
    reads.retain(|at| done_before(at).is_some());
    let Some(at) = choose(dice, &reads) else { return false };
    let position = done_before(&at).unwrap() - 1;
    move_read(history, at, position)
}

/// Moves the times of the last write to before those of the first.
fn swap_times(history: &mut History, _: &mut Dice) -> bool {
    let decided =
        |operation: &&mut Operation| !is_query(operation) && operation.position.is_some() && !operation.repeated;
    let mut writes: Vec<&mut Operation> = history.operations.iter_mut().filter(decided).collect();
    let (Some(first), true) = (writes.iter().map(|write| write.invoked_us).min(), writes.len() > 1) else {
        return false;
    };
    let last = writes.len() - 1;
    writes[last].invoked_us = first.saturating_sub(10);
    writes[last].completed_us = first.saturating_sub(5);
    true
}

/// Moves the times of a read to before all writes that it shows.
fn future_read(history: &mut History, dice: &mut Dice) -> bool {
    let first_begun = history.operations.iter().filter(|operation| !is_query(operation));
    let Some(first_us) = first_begun.map(|write| write.invoked_us).min() else {
        return false;
    };
    let shown = |position: Option<u64>| {
        let applied = history.journals[0].applied.iter().skip(1);
        applied.filter(move |entry| Some(entry.position) <= position).count() > 0
    };
    let Some(at) = choose(dice, &reads_at(history, |read| shown(read.position))) else {
        return false;
    };
    history.operations[at].invoked_us = first_us - 10;
    history.operations[at].completed_us = first_us - 5;
    true
}

fn future_read_without_positions(history: &mut History, dice: &mut Dice) -> bool {
    let injected = future_read(history, dice);
    history.journals.clear();
    for write in history.operations.iter_mut().filter(|operation| !is_query(operation)) {
        write.position = None;
    }
    injected
}

/// Adds more to a balance than all customers together pay in.
fn future_balance(history: &mut History, dice: &mut Dice) -> bool {
    let reads = reads_at(history, |read| read.action.account() == "main");
    let Some(at) = choose(dice, &reads) else { return false };
    let paid_in: i64 = history
        .operations
        .iter()
        .filter_map(|operation| operation.action.amount())
        .sum();
    history.operations[at].balance = history.operations[at].balance.map(|balance| balance + 2 * paid_in + 1);
    history.journals.clear();
    true
}

fn balance_off_by_one(history: &mut History, dice: &mut Dice) -> bool {
    let reads = reads_at(history, |_| true);
    let Some(at) = choose(dice, &reads) else { return false };
    let balance = history.operations[at].balance.unwrap();
    history.operations[at].balance = Some(balance + 1);
    true
}

/// Changes one entry in every journal that has it.
fn change(history: &mut History, at: usize, change: impl Fn(&mut Applied)) {
    for journal in &mut history.journals {
        if let Some(entry) = journal.applied.get_mut(at) {
            change(entry);
        }
    }
}

fn transfer_makes_money(history: &mut History, dice: &mut Dice) -> bool {
    let transfers = entries(history, |entry| entry.to_balance.is_some());
    let Some(at) = choose(dice, &transfers) else {
        return false;
    };
    change(history, at, |entry| {
        entry.to_balance = entry.to_balance.map(|balance| balance + 1)
    });
    true
}

fn overdraft(history: &mut History, dice: &mut Dice) -> bool {
    let refused = |entry: &Applied| {
        matches!(entry.action, Action::Withdraw { .. })
            && entry.outcome == Outcome::Refused(RefusalReason::InsufficientFunds)
    };
    let Some(at) = choose(dice, &entries(history, refused)) else {
        return false;
    };
    change(history, at, |entry| {
        if let Action::Withdraw { amount, .. } = entry.action {
            entry.balance -= amount;
            entry.outcome = Outcome::Accepted;
        }
    });
    true
}

fn false_refusal(history: &mut History, dice: &mut Dice) -> bool {
    let accepted = |entry: &Applied| entry.outcome == Outcome::Accepted;
    let Some(at) = choose(dice, &entries(history, accepted)) else {
        return false;
    };
    change(history, at, |entry| {
        entry.outcome = Outcome::Refused(RefusalReason::InsufficientFunds)
    });
    true
}

fn false_acceptance(history: &mut History, dice: &mut Dice) -> bool {
    let refused = |entry: &Applied| {
        matches!(
            entry.outcome,
            Outcome::Refused(RefusalReason::NoSuchAccount | RefusalReason::AccountExists | RefusalReason::SameAccount)
        )
    };
    let Some(at) = choose(dice, &entries(history, refused)) else {
        return false;
    };
    change(history, at, |entry| entry.outcome = Outcome::Accepted);
    true
}

/// Changes a balance as if an earlier write had not been applied.
fn lost_update(history: &mut History, dice: &mut Dice) -> bool {
    let accepted = |entry: &Applied| {
        entry.outcome == Outcome::Accepted && matches!(entry.action, Action::Deposit { .. } | Action::Withdraw { .. })
    };
    let Some(at) = choose(dice, &entries(history, accepted)) else {
        return false;
    };
    change(history, at, |entry| entry.balance -= 3);
    true
}

/// Appends an entry to every journal that is at the last position.
fn append(history: &mut History, entry: &Applied) {
    let end = history.journals[0].position;
    for journal in history.journals.iter_mut().filter(|journal| journal.position == end) {
        journal.position += 1;
        journal.applied.push(Applied {
            position: end + 1,
            ..entry.clone()
        });
    }
}

fn doubled_id(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = choose(dice, &entries(history, |_| true)) else {
        return false;
    };
    let entry = history.journals[0].applied[at].clone();
    append(history, &entry);
    true
}

/// An entry whose write was acknowledged.
fn acknowledged(history: &History, dice: &mut Dice) -> Option<usize> {
    let told = history
        .operations
        .iter()
        .filter(|operation| operation.position.is_some());
    let ids: Vec<&String> = told.filter_map(|operation| operation.request_id.as_ref()).collect();
    choose(dice, &entries(history, |entry| ids.contains(&&entry.request_id)))
}

fn lost_write(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = acknowledged(history, dice) else {
        return false;
    };
    for journal in history.journals.iter_mut().filter(|journal| journal.applied.len() > at) {
        journal.applied.remove(at);
    }
    true
}

fn not_requested(history: &mut History, _: &mut Dice) -> bool {
    let mut entry = history.journals[0].applied[0].clone();
    entry.request_id = "nobody".to_owned();
    append(history, &entry);
    true
}

fn applied_although_not_applied(history: &mut History, dice: &mut Dice) -> bool {
    let retried = |id: &Option<String>| {
        history
            .operations
            .iter()
            .filter(|other| other.request_id == *id)
            .count()
            > 1
    };
    let not_applied = history
        .operations
        .iter()
        .filter(|operation| operation.outcome == Outcome::NotApplied && !retried(&operation.request_id));
    let not_applied: Vec<Operation> = not_applied.cloned().collect();
    if not_applied.is_empty() {
        return false;
    }
    let operation = dice.pick(&not_applied);
    let mut entry = history.journals[0].applied[0].clone();
    entry.request_id = operation.request_id.clone().unwrap();
    entry.action = operation.action.clone();
    append(history, &entry);
    true
}

fn swap_at_one_branch(history: &mut History, dice: &mut Dice) -> bool {
    let all = entries(history, |_| true);
    let Some(at) = choose(dice, &all[1.min(all.len())..]) else {
        return false;
    };
    swap_content(second_journal(history), at - 1, at);
    true
}

fn lost_at_one_branch(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = acknowledged(history, dice) else {
        return false;
    };
    second_journal(history).remove(at);
    true
}

fn missing_journal(history: &mut History, dice: &mut Dice) -> bool {
    let at = dice.upto(history.journals.len() as u64) as usize;
    history.journals.remove(at);
    true
}

fn missing_digest(history: &mut History, dice: &mut Dice) -> bool {
    let at = dice.upto(history.journals.len() as u64) as usize;
    history.journals[at].digest.clear();
    true
}

fn other_digest(history: &mut History, _: &mut Dice) -> bool {
    history.journals[1].digest = "0".repeat(64);
    true
}

fn falling_positions(history: &mut History, dice: &mut Dice) -> bool {
    let at = choose(dice, &entries(history, |_| true));
    let Some(at) = at else { return false };
    second_journal(history).swap(at - 1, at);
    true
}
