//! Judges an output file: balances and results, without positions.
//!
//! Two judges, by how the customers ran. [`sequential`](Mode::Sequential): one after the other in the order of the
//! input, so each balance and each result is known exactly. [`concurrent`](Mode::Concurrent): all at once, so a read
//! must be explained by its own customer's earlier writes and some of the others'. Neither ever fails a correct run.
//!
//! What the concurrent judge can not see: which of the other customers' writes came first. A read that misses a write
//! of its own customer passes where others' writes happen to make up for it, and a customer's reads that go back in
//! time pass. Recorded positions show both; [`crate::judge`] judges those.

mod align;
mod concurrent;
mod pairs;
mod sequential;
mod sums;

pub use pairs::{Pair, Pairs};

use crate::script::{Script, Step};
use crate::verdict::Verdict;
use std::collections::BTreeSet;

/// How the customers ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One after the other, in the order of the input, each seeing all that the ones before it did.
    Sequential,
    /// All at once; each customer's own events in order.
    Concurrent,
}

/// What an output file says, in whichever of its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Every event with its answer, in the order of the file: the forms `events` and `customers`.
    Events(Vec<Reported>),
    /// For each customer the balance of its last query: the form `balances`.
    Balances(Vec<(u64, i64)>),
}

/// One event as an output reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The customer's number.
    pub customer: u64,
    /// `query`, `deposit` or `withdraw`.
    pub interface: String,
    /// The branch, where the output names it.
    pub branch: Option<u32>,
    /// What was answered.
    pub answer: Answer,
}

/// The answer to one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A query's balance.
    Balance(i64),
    /// The write was accepted.
    Success,
    /// The write was refused.
    Fail,
    /// The output says that it does not know, or says nothing of an event that it should have.
    Unknown,
    /// The form of the output has no place for it.
    NotSaid,
}

/// Judges an output against what was asked: that every event is answered (`complete`), every balance
/// (`read-your-writes`) and every result (`write results`).
pub fn judge(script: &Script, output: &Output, mode: Mode) -> Vec<Verdict> {
    judge_excusing(script, output, mode, &BTreeSet::new())
}

/// The same where some events, by their places in [`Script::steps`], need no answer: a fault kept them from it, which no
/// output shows.
pub fn judge_excusing(script: &Script, output: &Output, mode: Mode, excused: &BTreeSet<usize>) -> Vec<Verdict> {
    let steps = script.steps();
    let (answers, complete) = align::align(&steps, output, excused);
    let mut verdicts = vec![complete];
    verdicts.extend(match mode {
        Mode::Sequential => sequential::judge(script.opening_balance, &steps, &answers),
        Mode::Concurrent => concurrent::judge(script.opening_balance, &steps, &answers),
    });
    verdicts
}

/// The verdict on balances, before any is judged.
fn reads_verdict() -> Verdict {
    Verdict::new("read-your-writes", "reads")
}

/// The verdict on results, before any is judged.
fn writes_verdict() -> Verdict {
    Verdict::new("write results", "writes")
}

/// "customer 1's query at branch 2 (event 4)"
fn whose(step: &Step<'_>) -> String {
    format!("customer {}'s {step}", step.customer)
}

/// How `reader` would name a write: its own without the customer.
fn named_for(reader: &Step<'_>, write: &Step<'_>) -> String {
    if reader.customer == write.customer {
        format!("the {write}")
    } else {
        whose(write)
    }
}

#[cfg(test)]
mod tests;
