//! Read your writes: a read is answered from at or past the session's own last decided write, refused ones included.

use crate::analysis::describe::{asked, did, next_or_later};
use crate::analysis::index::{Run, Session};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Level, Operation, Propagation};
use crate::verdict::Verdict;

/// The write that binds the session's next read.
struct Bound<'a> {
    write: &'a Operation,
    position: u64,
    /// How many reads were answered since.
    reads_since: usize,
}

/// Judged: the answered reads after a decided write that another branch answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new(
        "read-your-writes",
        "reads at another branch than the write",
        run.options,
    );
    for session in &run.sessions {
        judge_session(session, &mut findings);
    }
    findings.done()
}

fn judge_session(session: &Session<'_>, findings: &mut VerdictBuilder) {
    let mut bound: Option<Bound<'_>> = None;
    for step in &session.steps {
        let operation = step.operation;
        if operation.is_decided() {
            bound = binding(bound, operation);
        } else if let (Some(position), Some(bound)) = (operation.read_position(), &mut bound) {
            judge_read(operation, position, bound, findings);
            bound.reads_since += 1;
        }
    }
}

/// The one of the two that is further on.
fn binding<'a>(earlier: Option<Bound<'a>>, write: &'a Operation) -> Option<Bound<'a>> {
    let Some(position) = write.position else {
        return earlier;
    };
    if earlier.as_ref().is_some_and(|earlier| position < earlier.position) {
        return earlier;
    }
    Some(Bound {
        write,
        position,
        reads_since: 0,
    })
}

fn judge_read(read: &Operation, position: u64, bound: &Bound<'_>, findings: &mut VerdictBuilder) {
    let write = bound.write;
    let promised = is_promised(read, write);
    if position >= bound.position {
        findings.pass_or_stayed(read.answering() == write.answering(), promised);
        return;
    }
    let case = Case {
        at: read.completed_us,
        promised,
        operations: vec![write, read],
        positions: vec![bound.position, position],
        journals: Vec::new(),
    };
    findings.fail(case, || {
        let next = next_or_later(bound.reads_since);
        let read = asked(read);
        format!("{}; its {next} {read} answered from position {position}", did(write))
    });
}

/// By the read's level, or because the write had reached every branch before it was answered.
pub(crate) fn is_promised(read: &Operation, write: &Operation) -> bool {
    let reader_waits = matches!(read.level, Level::ReadYourWrites | Level::Session | Level::Strong);
    let writer_waited = write.propagation == Propagation::All && write.missing_branches.is_empty();
    reader_waits || writer_waited
}
