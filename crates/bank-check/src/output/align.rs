//! Finds the answer to each event in an output. Event ids need not be unique, so the entries of a customer are matched
//! to its events in order, by interface and branch.

use super::reported::{Answer, Output, Reported};
use crate::script::{Action, Step};
use crate::verdict::{Unit, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// The answer to each step, and the verdict on whether every step has one. Steps in `excused` need no answer.
pub(super) fn align(steps: &[Step<'_>], output: &Output, excused: &BTreeSet<usize>) -> (Vec<Answer>, Verdict) {
    let mut verdict = Verdict::new("complete", Unit::EVENTS);
    if !excused.is_empty() {
        verdict.note = Some("without the events that a fault kept from an answer");
    }
    let answers = match output {
        Output::Events(reported) => from_events(steps, reported, excused, &mut verdict),
        Output::Balances(balances) => from_balances(steps, balances, excused, &mut verdict),
    };
    (answers, verdict)
}

/// Indexes of each customer's items.
fn by_customer<T>(items: &[T], customer: impl Fn(&T) -> u64) -> BTreeMap<u64, Vec<usize>> {
    let mut indexes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        indexes.entry(customer(item)).or_default().push(index);
    }
    indexes
}

fn from_events(
    steps: &[Step<'_>],
    reported: &[Reported],
    excused: &BTreeSet<usize>,
    verdict: &mut Verdict,
) -> Vec<Answer> {
    let mut answers = vec![Answer::Unknown; steps.len()];
    let mut entries = by_customer(reported, |entry| entry.customer);
    for (customer, asked) in by_customer(steps, |step| step.customer) {
        let mut left = entries.remove(&customer).unwrap_or_default().into_iter().peekable();
        for (place, &at) in asked.iter().enumerate() {
            let step = &steps[at];
            skip_surplus(
                step,
                asked.get(place + 1).map(|&next| &steps[next]),
                &mut left,
                reported,
                verdict,
            );
            let answer = left.next_if(|&entry| is_for(&reported[entry], step));
            match answer.map(|entry| reported[entry].answer) {
                // An output reports a write that was not applied as failed, like a refused one.
                None | Some(Answer::Unknown | Answer::Missing | Answer::Fail) if excused.contains(&at) => {}
                Some(answer) => {
                    answers[at] = answer;
                    verdict.count(missing_answer(step, answer));
                }
                None => verdict.count(Some(format!("{} is not in the output", step.with_customer()))),
            }
        }
        for entry in left {
            verdict.count(Some(surplus(&reported[entry], entry)));
        }
    }
    for entry in entries.into_values().flatten() {
        verdict.count(Some(surplus(&reported[entry], entry)));
    }
    answers
}

/// Skips one entry that the input did not ask for: an entry for neither this step nor the next, directly before an
/// entry for this step.
fn skip_surplus(
    step: &Step<'_>,
    next: Option<&Step<'_>>,
    left: &mut std::iter::Peekable<std::vec::IntoIter<usize>>,
    reported: &[Reported],
    verdict: &mut Verdict,
) {
    let Some(&entry) = left.peek() else { return };
    let for_next = next.is_some_and(|next| is_for(&reported[entry], next));
    let follower = left.clone().nth(1);
    if !is_for(&reported[entry], step) && !for_next && follower.is_some_and(|entry| is_for(&reported[entry], step)) {
        verdict.count(Some(surplus(&reported[entry], entry)));
        left.next();
    }
}

fn is_for(entry: &Reported, step: &Step<'_>) -> bool {
    entry.interface == step.event.action.interface() && entry.branch.is_none_or(|branch| branch == step.event.branch)
}

fn missing_answer(step: &Step<'_>, answer: Answer) -> Option<String> {
    match (step.event.action, answer) {
        (_, Answer::Unknown) => Some(format!("{} was not answered", step.with_customer())),
        (Action::Query, Answer::Success | Answer::Fail | Answer::Missing) => {
            Some(format!("{} has no balance", step.with_customer()))
        }
        (Action::Deposit(_) | Action::Withdraw(_), Answer::Balance(_) | Answer::Missing) => {
            Some(format!("{} has no result", step.with_customer()))
        }
        _ => None,
    }
}

fn surplus(entry: &Reported, place: usize) -> String {
    let branch = entry
        .branch
        .map(|branch| format!(" at branch {branch}"))
        .unwrap_or_default();
    let number = place + 1;
    format!(
        "reported event no. {number}, customer {}'s {}{branch}, is not what the input asks there",
        entry.customer, entry.interface
    )
}

fn from_balances(
    steps: &[Step<'_>],
    balances: &[(u64, i64)],
    excused: &BTreeSet<usize>,
    verdict: &mut Verdict,
) -> Vec<Answer> {
    let not_said = |at| match excused.contains(&at) {
        true => Answer::Unknown,
        false => Answer::NotSaid,
    };
    let mut answers: Vec<Answer> = (0..steps.len()).map(not_said).collect();
    let mut reported: BTreeMap<u64, i64> = BTreeMap::new();
    for &(customer, balance) in balances {
        if reported.insert(customer, balance).is_some() {
            verdict.count(Some(format!("customer {customer} is in the output twice")));
        }
    }
    let mut last_queries = BTreeMap::new();
    for (at, step) in steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.event.action == Action::Query)
    {
        last_queries.insert(step.customer, at);
    }
    for (customer, at) in last_queries {
        match reported.remove(&customer) {
            _ if excused.contains(&at) => {}
            Some(balance) => {
                answers[at] = Answer::Balance(balance);
                verdict.count(None);
            }
            None => verdict.count(Some(format!("customer {customer} is not in the output"))),
        }
    }
    for customer in reported.into_keys() {
        verdict.count(Some(format!(
            "customer {customer} is in the output, but asks for no balance in the input"
        )));
    }
    answers
}
