//! Monotonic writes: at every branch, a session's writes are applied in the order of the session.
//!
//! A write whose outcome its customer does not know binds none that came after it: it may still be on its way. A write
//! that is tried again stands where it was first tried.

use crate::analysis::describe::{asked, did, operation_of};
use crate::analysis::index::{Run, Session, Write};
use crate::analysis::journals::Copy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::Verdict;

/// Judged: the writes that were begun after a decided one of their session, which another branch had answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new(
        "monotonic-writes",
        "writes at another branch than the one before",
        run.options,
    );
    if run.journals.reference().is_none() {
        findings.note("there are no journals: judged by the positions in the replies");
        judge_at(run, None, &mut findings);
    }
    for copy in run.journals.distinct() {
        judge_at(run, Some(copy), &mut findings);
    }
    findings.done()
}

fn judge_at(run: &Run<'_>, copy: Option<&Copy<'_>>, findings: &mut VerdictBuilder) {
    for session in &run.sessions {
        judge_session(run, session, copy, findings);
    }
}

fn judge_session(run: &Run<'_>, session: &Session<'_>, copy: Option<&Copy<'_>>, findings: &mut VerdictBuilder) {
    // The session's decided write that stands last; one that is missing where it had to be stands past all others.
    let mut last: Option<(&Write<'_>, u64)> = None;
    for step in &session.steps {
        let Some(write) = step.write.map(|at| &run.writes[at]) else {
            continue;
        };
        let position = match copy {
            Some(copy) => copy.position_of(write.id),
            None => run.position_of(write),
        };
        if let (Some(position), Some((earlier, stands)), true) = (position, last, step.is_first_try) {
            judge_write((earlier, stands), (write, position), copy, findings);
        }
        // Without its position in a reply there is nothing that a missing write could be missing from.
        let stands = position.or(copy.and(step.operation.position).map(|_| u64::MAX));
        if let (true, Some(stands)) = (step.operation.is_decided(), stands)
            && last.is_none_or(|(_, position)| stands > position)
        {
            last = Some((write, stands));
        }
    }
}

fn judge_write(
    earlier: (&Write<'_>, u64),
    later: (&Write<'_>, u64),
    copy: Option<&Copy<'_>>,
    findings: &mut VerdictBuilder,
) {
    let (before, stands) = (operation_of(earlier.0), earlier.1);
    let (write, position) = (operation_of(later.0), later.1);
    if position > stands {
        findings.pass_or_stayed(write.answering() == before.answering(), true);
        return;
    }
    let journals: Vec<u32> = copy.iter().map(|copy| copy.journal.branch).collect();
    let positions = vec![stands, position];
    let case = Case::at(write.completed_us, vec![before, write], positions, journals);
    findings.fail(case, || {
        let place = match copy {
            Some(copy) if stands == u64::MAX => {
                format!("without it in the journal of branch {}", copy.journal.branch)
            }
            Some(copy) => format!("in the journal of branch {}", copy.journal.branch),
            None => "by its reply".to_owned(),
        };
        format!(
            "{}; its later {} came at position {position} {place}{}",
            did(before),
            asked(write),
            if stands == u64::MAX {
                String::new()
            } else {
                format!(", not after position {stands}")
            }
        )
    });
}
