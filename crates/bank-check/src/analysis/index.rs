//! The index of a run: the operations of each session in order, and each write once with all its attempts.

use crate::analysis::journals::Journals;
use crate::analysis::replay::Replay;
use crate::analysis::request_id::RequestId;
use crate::history::{Applied, History, Operation, Outcome};
use crate::options::Options;
use std::collections::HashMap;

/// A run with everything that the judges read.
pub(crate) struct Run<'a> {
    pub(crate) history: &'a History,
    pub(crate) options: &'a Options,
    /// Sessions, in the order of their first operation in the history.
    pub(crate) sessions: Vec<Session<'a>>,
    /// Writes, in the order in which the sessions list them.
    pub(crate) writes: Vec<Write<'a>>,
    /// Index in `writes` of each request id.
    by_id: HashMap<RequestId<'a>, usize>,
    pub(crate) journals: Journals<'a>,
    /// Replay of the reference journal. `None` without journals.
    pub(crate) replay: Option<Replay<'a>>,
}

/// The operations of one session, by sequence.
pub(crate) struct Session<'a> {
    pub(crate) steps: Vec<Step<'a>>,
}

/// One operation of a session.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) operation: &'a Operation,
    /// Index in [`Run::writes`]. `None` for a read, and for a write without a request id.
    pub(crate) write: Option<usize>,
    /// True for the first operation with its request id.
    pub(crate) is_first_attempt: bool,
}

/// One write with all its attempts. A customer that does not know the outcome repeats the write under the same request
/// id.
pub(crate) struct Write<'a> {
    pub(crate) id: RequestId<'a>,
    /// Attempt that began first.
    pub(crate) first: &'a Operation,
    /// First reply that has the bank's decision.
    pub(crate) decided: Option<&'a Operation>,
    /// All attempts but `first`. Most writes have none.
    pub(crate) later: Vec<&'a Operation>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(history: &'a History, options: &'a Options) -> Self {
        let journals = Journals::new(history);
        let mut run = Run {
            history,
            options,
            sessions: Vec::new(),
            writes: Vec::new(),
            by_id: HashMap::with_capacity(history.operations.len()),
            replay: journals.reference().map(|copy| Replay::of(&copy.entries)),
            journals,
        };
        run.sort_into_sessions();
        run.gather_writes();
        run
    }

    /// The write with a request id, if a customer made one.
    pub(crate) fn write_of(&self, id: RequestId<'_>) -> Option<&Write<'a>> {
        self.by_id.get(&id).map(|at| &self.writes[*at])
    }

    /// The write that became a command of a journal, if a customer made it.
    pub(crate) fn write_of_command(&self, applied: &Applied) -> Option<&Write<'a>> {
        self.write_of(RequestId::of(&applied.request_id))
    }

    /// Position of a write in the reference journal. Without journals, the position in its reply.
    pub(crate) fn position_of(&self, write: &Write<'_>) -> Option<u64> {
        match self.journals.reference() {
            Some(copy) => copy.position_of(write.id),
            None => write.decided.and_then(|operation| operation.position),
        }
    }

    fn sort_into_sessions(&mut self) {
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for operation in &self.history.operations {
            let at = *by_name.entry(&operation.session).or_insert_with(|| {
                self.sessions.push(Session { steps: Vec::new() });
                self.sessions.len() - 1
            });
            self.sessions[at].steps.push(Step {
                operation,
                write: None,
                is_first_attempt: false,
            });
        }
        for session in &mut self.sessions {
            session.steps.sort_by_key(|step| step.operation.sequence);
        }
    }

    fn gather_writes(&mut self) {
        for session in &mut self.sessions {
            for step in &mut session.steps {
                let Some(id) = step.operation.request_id.as_deref().map(RequestId::of) else {
                    continue;
                };
                if step.operation.is_read() {
                    continue;
                }
                let at = *self.by_id.entry(id).or_insert_with(|| {
                    step.is_first_attempt = true;
                    self.writes.push(Write::new(id, step.operation));
                    self.writes.len() - 1
                });
                if !step.is_first_attempt {
                    self.writes[at].add_attempt(step.operation);
                }
                step.write = Some(at);
            }
        }
    }
}

impl<'a> Write<'a> {
    fn new(id: RequestId<'a>, first: &'a Operation) -> Self {
        Write {
            id,
            first,
            decided: first.is_decided().then_some(first),
            later: Vec::new(),
        }
    }

    fn add_attempt(&mut self, operation: &'a Operation) {
        let earlier = self
            .decided
            .is_none_or(|decided| operation.completed_us < decided.completed_us);
        if operation.is_decided() && earlier {
            self.decided = Some(operation);
        }
        if operation.invoked_us < self.first.invoked_us {
            self.later.push(std::mem::replace(&mut self.first, operation));
        } else {
            self.later.push(operation);
        }
    }

    /// The operation that witnesses name for this write: the one with the decision, or the first attempt.
    pub(crate) fn named_operation(&self) -> &'a Operation {
        self.decided.unwrap_or(self.first)
    }

    /// All attempts of the write.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &'a Operation> {
        std::iter::once(self.first).chain(self.later.iter().copied())
    }

    /// True if every attempt reports that the write was not applied.
    pub(crate) fn is_not_applied(&self) -> bool {
        self.attempts()
            .all(|operation| operation.outcome == Outcome::NotApplied)
    }
}
