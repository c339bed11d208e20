//! Monotonic writes: every branch applies the writes of a session in the order of the session.
//!
//! A write with an unknown outcome may be applied later, so it does not restrict the writes after it. A repeated write
//! has its place in the session at its first attempt.

use crate::analysis::describe;
use crate::analysis::index::{Run, Session, Write};
use crate::analysis::journals::JournalCopy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::{Unit, Verdict};

/// Position of a write that a journal does not have although its reply has a position: after all others.
const MISSING: u64 = u64::MAX;

/// Judges each write after a decided write of its session that another branch answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("monotonic-writes", Unit::WRITES, run.options);
    if run.journals.reference().is_none() {
        verdict.note("there are no journals: judged by the positions in the replies");
        judge_at(run, None, &mut verdict);
    }
    for copy in run.journals.distinct() {
        judge_at(run, Some(copy), &mut verdict);
    }
    verdict.build()
}

fn judge_at(run: &Run<'_>, copy: Option<&JournalCopy<'_>>, verdict: &mut VerdictBuilder) {
    for session in &run.sessions {
        judge_session(run, session, copy, verdict);
    }
}

fn judge_session(run: &Run<'_>, session: &Session<'_>, copy: Option<&JournalCopy<'_>>, verdict: &mut VerdictBuilder) {
    // The session's decided write with the highest position. A write that is missing from the journal counts as last.
    let mut last: Option<(&Write<'_>, u64)> = None;
    for step in &session.steps {
        let Some(write) = step.write.map(|at| &run.writes[at]) else {
            continue;
        };
        let position = match copy {
            Some(copy) => copy.position_of(write.id),
            None => run.position_of(write),
        };
        if let (Some(position), Some((earlier, expected_after)), true) = (position, last, step.is_first_attempt) {
            judge_write((earlier, expected_after), (write, position), copy, verdict);
        }
        // A write can only be missing from a journal if its reply had a position.
        let expected_after = position.or(copy.and(step.operation.position).map(|_| MISSING));
        if let (true, Some(expected_after)) = (step.operation.is_decided(), expected_after)
            && last.is_none_or(|(_, position)| expected_after > position)
        {
            last = Some((write, expected_after));
        }
    }
}

fn judge_write(
    earlier: (&Write<'_>, u64),
    later: (&Write<'_>, u64),
    copy: Option<&JournalCopy<'_>>,
    verdict: &mut VerdictBuilder,
) {
    let (before, expected_after) = (earlier.0.named_operation(), earlier.1);
    let (write, position) = (later.0.named_operation(), later.1);
    if position > expected_after {
        verdict.pass_across_branches(write.answering() == before.answering(), true);
        return;
    }
    let journals: Vec<u32> = copy.iter().map(|copy| copy.journal.branch).collect();
    let positions = vec![expected_after, position];
    let case = Case::at(write.completed_us, vec![before, write], positions, journals);
    verdict.fail(case, || {
        let found_at = match copy {
            Some(copy) if expected_after == MISSING => {
                format!(
                    "in the journal of branch {}, which lacks the earlier write",
                    copy.journal.branch
                )
            }
            Some(copy) => format!("in the journal of branch {}", copy.journal.branch),
            None => "by its reply".to_owned(),
        };
        format!(
            "{}; its later {} came at position {position} {found_at}{}",
            describe::result(before),
            describe::request(write),
            if expected_after == MISSING {
                String::new()
            } else {
                format!(", not after position {expected_after}")
            }
        )
    });
}
