//! Monotonic reads: the positions that a session reads from never go back.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Level, Operation};
use crate::verdict::{Unit, Verdict};

/// Judges each answered read after a read of its session that another branch answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("monotonic-reads", Unit::READS, run.options);
    for session in &run.sessions {
        // The read with the highest position so far, and the number of reads after it.
        let mut furthest: Option<(&Operation, u64, usize)> = None;
        for step in &session.steps {
            let read = step.operation;
            let Some(position) = read.read_position() else {
                continue;
            };
            verdict.asked(is_promised(read));
            if let Some((earlier, from, between)) = furthest {
                judge_read(read, position, (earlier, from, between), &mut verdict);
            }
            furthest = match furthest {
                Some((earlier, from, between)) if position < from => Some((earlier, from, between + 1)),
                _ => Some((read, position, 0)),
            };
        }
    }
    verdict.build()
}

fn judge_read(read: &Operation, position: u64, earlier: (&Operation, u64, usize), verdict: &mut VerdictBuilder) {
    let (before, from, between) = earlier;
    let promised = is_promised(read);
    if position >= from {
        verdict.pass_across_branches(read.answering() == before.answering(), promised);
        return;
    }
    let case = Case {
        at: read.completed_us,
        promised,
        operations: vec![before, read],
        positions: vec![from, position],
        journals: Vec::new(),
    };
    verdict.fail(case, || {
        format!(
            "customer {}'s {} answered from position {from}; its {} {} answered from position {position}",
            before.customer,
            describe::request(before),
            describe::next_or_later(between),
            describe::request(read)
        )
    });
}

/// Promised by the level of the later read. The earlier read counts at any level.
pub(crate) fn is_promised(read: &Operation) -> bool {
    matches!(read.level, Level::MonotonicReads | Level::Session | Level::Strong)
}
