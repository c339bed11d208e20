//! Judges an output file, which holds balances and results but no positions.
//!
//! How it judges depends on how the customers ran ([`Mode`]). Customers that ran one after the other leave one possible
//! balance for each query. Customers that ran at once leave a set of possible balances: the customer's own earlier
//! writes and some of the writes of the others. A correct run never fails in either mode.
//!
//! In concurrent mode some violations pass, because an output does not show the order of the other customers' writes. A
//! read that misses a write of its own customer passes if other writes make up for it. A customer's reads that go back
//! in time pass too. Recorded positions show both: see [`crate::judge`].

mod align;
mod concurrent;
mod pairs;
mod reported;
mod sequential;

pub use pairs::{Pair, Pairs};
pub use reported::{Answer, Output, Reported};

use crate::script::Script;
use crate::verdict::{Unit, Verdict};
use std::collections::BTreeSet;

/// How the customers ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Customers ran one after the other, in the order of the input. Each sees what those before it did.
    Sequential,
    /// Customers ran at the same time. Each customer's own events ran in order.
    Concurrent,
}

/// Judges an output against the script. The three verdicts are `complete` (every event is answered), `read-your-writes`
/// (every balance is possible) and `write results` (every result is possible).
pub fn judge(script: &Script, output: &Output, mode: Mode) -> Vec<Verdict> {
    judge_excusing(script, output, mode, &BTreeSet::new())
}

/// Judges an output like [`judge`], but some events need no answer. `excused` holds the indexes in [`Script::steps`] of
/// events that a fault kept from an answer: an output does not show faults.
pub fn judge_excusing(script: &Script, output: &Output, mode: Mode, excused: &BTreeSet<usize>) -> Vec<Verdict> {
    let steps = script.steps();
    let (answers, complete) = align::align(&steps, output, excused);
    let mut reads = Verdict::new("read-your-writes", Unit::READS);
    let mut writes = Verdict::new("write results", Unit::WRITES);
    let judge = match mode {
        Mode::Sequential => sequential::judge,
        Mode::Concurrent => concurrent::judge,
    };
    judge(script.opening_balance, &steps, &answers, &mut reads, &mut writes);
    vec![complete, reads, writes]
}

#[cfg(test)]
mod tests;
