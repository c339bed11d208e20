//! Writes follow reads: at every branch, a write is applied after every write that its session had read.

use crate::analysis::describe::{asked, operation_of};
use crate::analysis::index::{Run, Session};
use crate::analysis::journals::Copy;
use crate::analysis::request_id::RequestId;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Operation;
use crate::verdict::Verdict;

/// Judged: the writes that were begun after a read of their session, which another branch had answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new(
        "writes-follow-reads",
        "writes at another branch than the read",
        run.options,
    );
    if run.journals.reference().is_none() {
        findings.note("there are no journals: judged by the positions in the replies");
    }
    // By the positions of the reference, or of the replies.
    for session in &run.sessions {
        judge_session(run, session, None, &mut findings);
    }
    for copy in run.journals.distinct().filter(|copy| copy.differs_at.is_some()) {
        let order = Order::at(run, copy);
        for session in &run.sessions {
            judge_session(run, session, Some(&order), &mut findings);
        }
    }
    findings.done()
}

/// In which order a branch applied what the reference has in its own.
struct Order<'r, 'a> {
    copy: &'r Copy<'a>,
    /// For each command of the reference: its position there, and the last position that any up to it has at this branch.
    last: Vec<(u64, u64)>,
}

impl<'r, 'a> Order<'r, 'a> {
    fn at(run: &'r Run<'a>, copy: &'r Copy<'a>) -> Self {
        let reference = run.journals.reference().map_or(&[][..], |reference| &reference.entries);
        let mut last = 0;
        let last = reference.iter().map(|entry| {
            let here = copy.position_of(RequestId::of(&entry.request_id));
            // What is missing here stands past all that is here.
            last = last.max(here.unwrap_or(u64::MAX));
            (entry.position, last)
        });
        Order {
            last: last.collect(),
            copy,
        }
    }

    /// The position here that whatever was read at a position of the reference ends at.
    fn ends(&self, read: u64) -> u64 {
        let upto = self.last.partition_point(|(position, _)| *position <= read);
        self.last[..upto].last().map_or(0, |(_, last)| *last)
    }
}

fn judge_session(run: &Run<'_>, session: &Session<'_>, order: Option<&Order<'_, '_>>, findings: &mut VerdictBuilder) {
    let mut furthest: Option<(&Operation, u64)> = None;
    for step in &session.steps {
        if let Some(position) = step.operation.read_position()
            && furthest.is_none_or(|(_, from)| position >= from)
        {
            furthest = Some((step.operation, position));
        }
        let (Some(at), Some(read), true) = (step.write, furthest, step.is_first_try) else {
            continue;
        };
        let write = &run.writes[at];
        let position = match order {
            Some(order) => order.copy.position_of(write.id),
            None => run.position_of(write),
        };
        if let Some(position) = position {
            judge_write(read, (operation_of(write), position), order, findings);
        }
    }
}

fn judge_write(
    (read, from): (&Operation, u64),
    (write, position): (&Operation, u64),
    order: Option<&Order<'_, '_>>,
    findings: &mut VerdictBuilder,
) {
    let ends = order.map_or(from, |order| order.ends(from));
    if position > ends {
        findings.pass_or_stayed(write.answering() == read.answering(), true);
        return;
    }
    let journals: Vec<u32> = order.iter().map(|order| order.copy.journal.branch).collect();
    let case = Case::at(write.completed_us, vec![read, write], vec![from, position], journals);
    findings.fail(case, || {
        let place = match order {
            Some(order) => format!(
                "at position {position} in the journal of branch {}, before some of what it had read",
                order.copy.journal.branch
            ),
            None => format!("at position {position}"),
        };
        format!(
            "customer {}'s {} answered from position {from}; its later {} came {place}",
            read.customer,
            asked(read),
            asked(write)
        )
    });
}
