//! Writes follow reads: every branch applies a write after the writes that its session had read before.

use crate::analysis::describe;
use crate::analysis::index::{Run, Session};
use crate::analysis::journals::JournalCopy;
use crate::analysis::request_id::RequestId;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::Operation;
use crate::verdict::{Unit, Verdict};

/// Judges each write after a read of its session that another branch answered.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("writes-follow-reads", Unit::WRITES, run.options);
    if run.journals.reference().is_none() {
        verdict.note("there are no journals: judged by the positions in the replies");
    }
    // Judges by the positions of the reference journal, or of the replies if there is no journal.
    for session in &run.sessions {
        judge_session(run, session, None, &mut verdict);
    }
    for copy in run.journals.distinct().filter(|copy| copy.differs_at.is_some()) {
        let order = Order::at(run, copy);
        for session in &run.sessions {
            judge_session(run, session, Some(&order), &mut verdict);
        }
    }
    verdict.build()
}

/// The order in which one branch applied the commands of the reference journal.
struct Order<'r, 'a> {
    copy: &'r JournalCopy<'a>,
    /// For each command of the reference: its position there, and the last position at this branch of the commands up
    /// to it.
    last: Vec<(u64, u64)>,
}

impl<'r, 'a> Order<'r, 'a> {
    fn at(run: &'r Run<'a>, copy: &'r JournalCopy<'a>) -> Self {
        let reference = run.journals.reference().map_or(&[][..], |reference| &reference.entries);
        let mut last = 0;
        let last = reference.iter().map(|entry| {
            let here = copy.position_of(RequestId::of(&entry.request_id));
            // A command that is missing at this branch counts as last.
            last = last.max(here.unwrap_or(u64::MAX));
            (entry.position, last)
        });
        Order {
            last: last.collect(),
            copy,
        }
    }

    /// Last position at this branch of the commands that a read at a reference position had seen.
    fn last_seen(&self, read: u64) -> u64 {
        let upto = self.last.partition_point(|(position, _)| *position <= read);
        self.last[..upto].last().map_or(0, |(_, last)| *last)
    }
}

fn judge_session(run: &Run<'_>, session: &Session<'_>, order: Option<&Order<'_, '_>>, verdict: &mut VerdictBuilder) {
    let mut furthest: Option<(&Operation, u64)> = None;
    for step in &session.steps {
        if let Some(position) = step.operation.read_position()
            && furthest.is_none_or(|(_, from)| position >= from)
        {
            furthest = Some((step.operation, position));
        }
        let (Some(at), Some(read), true) = (step.write, furthest, step.is_first_attempt) else {
            continue;
        };
        let write = &run.writes[at];
        let position = match order {
            Some(order) => order.copy.position_of(write.id),
            None => run.position_of(write),
        };
        if let Some(position) = position {
            judge_write(read, (write.named_operation(), position), order, verdict);
        }
    }
}

fn judge_write(
    (read, from): (&Operation, u64),
    (write, position): (&Operation, u64),
    order: Option<&Order<'_, '_>>,
    verdict: &mut VerdictBuilder,
) {
    let last_seen = order.map_or(from, |order| order.last_seen(from));
    if position > last_seen {
        verdict.pass_across_branches(write.answering() == read.answering(), true);
        return;
    }
    let journals: Vec<u32> = order.iter().map(|order| order.copy.journal.branch).collect();
    let case = Case::at(write.completed_us, vec![read, write], vec![from, position], journals);
    verdict.fail(case, || {
        let place = match order {
            Some(order) => format!(
                "at position {position} in the journal of branch {}, before a write that it had read",
                order.copy.journal.branch
            ),
            None => format!("at position {position}"),
        };
        format!(
            "customer {}'s {} answered from position {from}; its later {} came {place}",
            read.customer,
            describe::request(read),
            describe::request(write)
        )
    });
}
