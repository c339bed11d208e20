//! Linearizability of writes and of reads at level `strong`: their positions, sorted, are an order that contradicts no
//! clock. An operation that stands later was not done before one that stands earlier was begun. What each then had to
//! answer is judged by `honest-positions`.
//!
//! A read at a weaker level may be answered from the past, and so binds nothing that stands after it; from the future it
//! may not be answered either.

use crate::analysis::describe::whose;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Level, Operation};
use crate::verdict::Verdict;

/// An operation with its place in the order, and how long it may have taken effect.
struct Placed<'a> {
    operation: &'a Operation,
    position: u64,
    begun_us: u64,
    /// Never, where the outcome is not known.
    done_us: u64,
    kind: Kind,
}

/// Which one stands first at one position: the write before those that read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Write,
    /// A read that must be fresh.
    Fresh,
    /// A read that may be stale.
    Weak,
}

/// Judged: the writes and reads that were begun after another was done, so that the clock has a say.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let unit = if run.options.every_read {
        "writes and reads"
    } else {
        "writes and strong reads"
    };
    let mut findings = VerdictBuilder::new("linearizability", unit, run.options);
    let mut placed = writes(run);
    let writes = placed.len();
    placed.extend(reads(run));
    if !placed[writes..].iter().any(|placed| placed.kind == Kind::Fresh) {
        findings.note("no read at level strong was answered: this is about writes");
    }
    placed.sort_by_key(|placed| (placed.position, placed.kind));
    let first_done = placed.iter().map(|placed| placed.done_us).min().unwrap_or(u64::MAX);

    // From the last to the first: of what stands later, the first to be done.
    let mut first: Option<&Placed<'_>> = None;
    let mut reads: Option<&Placed<'_>> = None;
    let mut position = u64::MAX;
    for earlier in placed.iter().rev() {
        // Reads at one position bind each other in no way: only the write there, and what stands before.
        if earlier.position != position || earlier.kind == Kind::Write {
            first = done_first(first, reads.take());
            position = earlier.position;
        }
        if earlier.kind != Kind::Weak && earlier.begun_us > first_done {
            match first {
                Some(later) if later.done_us < earlier.begun_us => fail(earlier, later, &mut findings),
                _ => findings.pass_promised(is_promised(earlier)),
            }
        }
        match earlier.kind {
            Kind::Write => first = done_first(first, Some(earlier)),
            Kind::Fresh | Kind::Weak => reads = done_first(reads, Some(earlier)),
        }
    }
    findings.done()
}

fn writes<'a>(run: &Run<'a>) -> Vec<Placed<'a>> {
    let placed = run.writes.iter().filter_map(|write| {
        let done = write.decided.map(|decided| decided.completed_us);
        Some(Placed {
            operation: write.decided.unwrap_or(write.first),
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

/// A write is; a read where it is strong.
fn is_promised(placed: &Placed<'_>) -> bool {
    placed.kind == Kind::Write || placed.operation.level == Level::Strong
}

/// `later` was done before `earlier` was begun, and stands after it.
fn fail(earlier: &Placed<'_>, later: &Placed<'_>, findings: &mut VerdictBuilder) {
    let case = Case {
        at: earlier.operation.completed_us,
        // A weak read that stands too early is stale, and may be.
        promised: is_promised(earlier),
        operations: vec![later.operation, earlier.operation],
        positions: vec![later.position, earlier.position],
        journals: Vec::new(),
    };
    findings.fail(case, || {
        format!(
            "{} was done at {} µs, at position {}; {} was begun after that, at {} µs, and {} position {}",
            whose(later.operation),
            later.done_us,
            later.position,
            whose(earlier.operation),
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
