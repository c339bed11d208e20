//! Read your writes: the position of a read is not before the session's own last decided write. Refused writes count
//! too.

use crate::analysis::describe;
use crate::analysis::index::{Run, Session};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Level, Operation, Propagation};
use crate::verdict::{Unit, Verdict};

/// The session's decided write with the highest position.
struct LastWrite<'a> {
    write: &'a Operation,
    position: u64,
    /// Number of answered reads since the write.
    reads_since: usize,
}

/// Judges each answered read that follows a decided write of its session. A read that held, at the branch that answered
/// the write, is counted apart.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("read-your-writes", Unit::READS, run.options);
    for session in &run.sessions {
        for read in session
            .steps
            .iter()
            .map(|step| step.operation)
            .filter(|one| one.is_read())
        {
            verdict.asked(is_asked(read));
        }
        judge_session(session, &mut verdict);
    }
    verdict.build()
}

fn judge_session(session: &Session<'_>, verdict: &mut VerdictBuilder) {
    let mut last: Option<LastWrite<'_>> = None;
    for step in &session.steps {
        let operation = step.operation;
        if operation.is_decided() {
            last = later(last, operation);
        } else if let (Some(position), Some(last)) = (operation.read_position(), &mut last) {
            judge_read(operation, position, last, verdict);
            last.reads_since += 1;
        }
    }
}

/// Chooses the write with the higher position.
fn later<'a>(earlier: Option<LastWrite<'a>>, write: &'a Operation) -> Option<LastWrite<'a>> {
    let Some(position) = write.position else {
        return earlier;
    };
    if earlier.as_ref().is_some_and(|earlier| position < earlier.position) {
        return earlier;
    }
    Some(LastWrite {
        write,
        position,
        reads_since: 0,
    })
}

fn judge_read(read: &Operation, position: u64, last: &LastWrite<'_>, verdict: &mut VerdictBuilder) {
    let write = last.write;
    let promised = is_promised(read, write);
    if position >= last.position {
        verdict.pass_across_branches(read.answering() == write.answering(), promised);
        return;
    }
    let case = Case {
        at: read.completed_us,
        promised,
        operations: vec![write, read],
        positions: vec![last.position, position],
        journals: Vec::new(),
    };
    verdict.fail(case, || {
        let next = describe::next_or_later(last.reads_since);
        let read = describe::request(read);
        format!(
            "{}; its {next} {read} answered from position {position}",
            describe::result(write)
        )
    });
}

/// Promised by the level of the read, or by the write if it reached every branch before it was acknowledged.
pub(crate) fn is_promised(read: &Operation, write: &Operation) -> bool {
    let reader_waits = is_promised_by_level(read);
    let writer_waited = write.propagation == Propagation::All && write.missing_branches.is_empty();
    reader_waits || writer_waited
}

/// Whether a run with this read asked for the guarantee. It concerns runs in which no case is judged, so there may be
/// no write. An operation records the propagation of its session's writes.
pub(crate) fn is_asked(read: &Operation) -> bool {
    is_promised_by_level(read) || read.propagation == Propagation::All
}

fn is_promised_by_level(read: &Operation) -> bool {
    matches!(read.level, Level::ReadYourWrites | Level::Session | Level::Strong)
}
