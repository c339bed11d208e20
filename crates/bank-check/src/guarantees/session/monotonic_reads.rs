//! Monotonic reads: the positions that a session reads from never fall.

use crate::analysis::describe::{asked, next_or_later};
use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Level, Operation};
use crate::verdict::Verdict;

/// Judged: the answered reads after one that another branch answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new(
        "monotonic-reads",
        "reads at another branch than the one before",
        run.options,
    );
    for session in &run.sessions {
        // The furthest read so far, and how many came after it.
        let mut furthest: Option<(&Operation, u64, usize)> = None;
        for step in &session.steps {
            let read = step.operation;
            let Some(position) = read.read_position() else {
                continue;
            };
            if let Some((earlier, from, between)) = furthest {
                judge_read(read, position, (earlier, from, between), &mut findings);
            }
            furthest = match furthest {
                Some((earlier, from, between)) if position < from => Some((earlier, from, between + 1)),
                _ => Some((read, position, 0)),
            };
        }
    }
    findings.done()
}

fn judge_read(read: &Operation, position: u64, earlier: (&Operation, u64, usize), findings: &mut VerdictBuilder) {
    let (before, from, between) = earlier;
    let promised = is_promised(read);
    if position >= from {
        findings.pass_or_stayed(read.answering() == before.answering(), promised);
        return;
    }
    let case = Case {
        at: read.completed_us,
        promised,
        operations: vec![before, read],
        positions: vec![from, position],
        journals: Vec::new(),
    };
    findings.fail(case, || {
        format!(
            "customer {}'s {} answered from position {from}; its {} {} answered from position {position}",
            before.customer,
            asked(before),
            next_or_later(between),
            asked(read)
        )
    });
}

/// By the read's own level: what was read before counts at any level.
pub(crate) fn is_promised(read: &Operation) -> bool {
    matches!(read.level, Level::MonotonicReads | Level::Session | Level::Strong)
}
