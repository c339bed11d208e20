//! Linearizability of writes and of reads at level `strong`: the order of their positions agrees with real time. If one
//! operation completed before another began, its position is not after the other's. The balances of the replies are
//! judged by `honest-positions`.
//!
//! A read at a weaker level may see an old state, so its own position may be too early. It may not see a state that did
//! not exist yet.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Level, Operation};
use crate::verdict::{Unit, Verdict};

/// An operation with its position and the time in which it took effect.
struct Placed<'a> {
    operation: &'a Operation,
    position: u64,
    begun_us: u64,
    /// `u64::MAX` if the outcome is not known.
    done_us: u64,
    kind: Kind,
}

/// Kind of an operation. At one position, the write comes before the reads of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Write,
    /// A read that must see the newest state.
    Fresh,
    /// A read that may see an old state.
    Weak,
}

/// Judges each write and fresh read that began after another operation completed. For the others, any order agrees with
/// time.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let unit = if run.options.every_read {
        Unit::new("write or read", "writes and reads")
    } else {
        Unit::new("write or strong read", "writes and strong reads")
    };
    let mut verdict = VerdictBuilder::new("linearizability", unit, run.options);
    let mut placed = writes(run);
    let writes = placed.len();
    placed.extend(reads(run));
    if !placed[writes..].iter().any(|placed| placed.kind == Kind::Fresh) {
        verdict.note("no strong read was answered");
    }
    placed.sort_by_key(|placed| (placed.position, placed.kind));
    let first_done = placed.iter().map(|placed| placed.done_us).min().unwrap_or(u64::MAX);

    // Walks from the last position to the first. `first` is the operation at a later position that completed first.
    let mut first: Option<&Placed<'_>> = None;
    let mut reads: Option<&Placed<'_>> = None;
    let mut position = u64::MAX;
    for earlier in placed.iter().rev() {
        // Reads at one position may be in any order. They are compared with the write there and with earlier positions.
        if earlier.position != position || earlier.kind == Kind::Write {
            first = done_first(first, reads.take());
            position = earlier.position;
        }
        if earlier.kind != Kind::Weak && earlier.begun_us > first_done {
            match first {
                Some(later) if later.done_us < earlier.begun_us => fail(earlier, later, &mut verdict),
                _ => verdict.pass_promised(is_promised(earlier)),
            }
        }
        match earlier.kind {
            Kind::Write => first = done_first(first, Some(earlier)),
            Kind::Fresh | Kind::Weak => reads = done_first(reads, Some(earlier)),
        }
    }
    verdict.build()
}

fn writes<'a>(run: &Run<'a>) -> Vec<Placed<'a>> {
    let placed = run.writes.iter().filter_map(|write| {
        let done = write.decided.map(|decided| decided.completed_us);
        Some(Placed {
            operation: write.named_operation(),
            position: run
                .position_of(write)
                .or_else(|| write.decided.and_then(|decided| decided.position))?,
            begun_us: write.first.invoked_us,
            done_us: done.unwrap_or(u64::MAX),
            kind: Kind::Write,
        })
    });
    placed.collect()
}

fn reads<'a>(run: &Run<'a>) -> impl Iterator<Item = Placed<'a>> {
    let every_read = run.options.every_read;
    run.history.operations.iter().filter_map(move |read| {
        let is_fresh = every_read || read.level == Level::Strong;
        Some(Placed {
            operation: read,
            position: read.read_position()?,
            begun_us: read.invoked_us,
            done_us: read.completed_us,
            kind: if is_fresh { Kind::Fresh } else { Kind::Weak },
        })
    })
}

fn done_first<'p, 'a>(one: Option<&'p Placed<'a>>, other: Option<&'p Placed<'a>>) -> Option<&'p Placed<'a>> {
    match (one, other) {
        (Some(one), Some(other)) if one.done_us < other.done_us => Some(one),
        (one, None) => one,
        (_, other) => other,
    }
}

/// Every write is promised to be linearizable, and every read at level `strong`.
fn is_promised(placed: &Placed<'_>) -> bool {
    placed.kind == Kind::Write || placed.operation.level == Level::Strong
}

/// Fails a pair: `later` completed before `earlier` began but has the later position.
fn fail(earlier: &Placed<'_>, later: &Placed<'_>, verdict: &mut VerdictBuilder) {
    let case = Case {
        at: earlier.operation.completed_us,
        // A weak read with a position that is too early is only stale, which breaks no promise.
        promised: is_promised(earlier),
        operations: vec![later.operation, earlier.operation],
        positions: vec![later.position, earlier.position],
        journals: Vec::new(),
    };
    verdict.fail(case, || {
        format!(
            "{} was done at {} µs, at position {}; {} was begun after that, at {} µs, and {} position {}",
            describe::customer_request(later.operation),
            later.done_us,
            later.position,
            describe::customer_request(earlier.operation),
            earlier.begun_us,
            if earlier.kind == Kind::Write {
                "came at"
            } else {
                "answered from"
            },
            earlier.position
        )
    });
}
