//! A run put in order: each session's operations in sequence, and each write once, however often it was tried.

use crate::analysis::journals::Journals;
use crate::analysis::replay::Replay;
use crate::analysis::request_id::RequestId;
use crate::history::{Applied, History, Operation, Outcome};
use crate::options::Options;
use std::collections::HashMap;

/// What all judges read.
pub(crate) struct Run<'a> {
    pub(crate) history: &'a History,
    pub(crate) options: &'a Options,
    /// In order of first appearance.
    pub(crate) sessions: Vec<Session<'a>>,
    /// In order of first appearance.
    pub(crate) writes: Vec<Write<'a>>,
    /// Where in `writes` an id is.
    by_id: HashMap<RequestId<'a>, usize>,
    pub(crate) journals: Journals<'a>,
    /// Of the reference journal; `None` without one.
    pub(crate) replay: Option<Replay<'a>>,
}

/// One session, in order.
pub(crate) struct Session<'a> {
    pub(crate) steps: Vec<Step<'a>>,
}

/// One operation in its session.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) operation: &'a Operation,
    /// Of a write with an id: where in `Run::writes` it is.
    pub(crate) write: Option<usize>,
    /// It is the first with its id.
    pub(crate) is_first_try: bool,
}

/// One write. A customer that does not know what came of it tries it again, with the same id.
pub(crate) struct Write<'a> {
    pub(crate) id: RequestId<'a>,
    /// The first to be begun.
    pub(crate) first: &'a Operation,
    /// The first to be answered that knew what the bank had decided.
    pub(crate) decided: Option<&'a Operation>,
    /// Every operation but `first`; nearly always none.
    pub(crate) again: Vec<&'a Operation>,
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

    /// The write of an id, if the run knows of one.
    pub(crate) fn write_of(&self, id: RequestId<'_>) -> Option<&Write<'a>> {
        // The map's keys live as long as the history; a shorter-lived key finds them all the same.
        self.by_id.get(&id).map(|at| &self.writes[*at])
    }

    /// The write that a command of a journal is.
    pub(crate) fn write_behind(&self, applied: &Applied) -> Option<&Write<'a>> {
        self.write_of(RequestId::of(&applied.request_id))
    }

    /// Where a write stands: in the reference journal, or without one by its reply.
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
                is_first_try: false,
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
                    step.is_first_try = true;
                    self.writes.push(Write::new(id, step.operation));
                    self.writes.len() - 1
                });
                if !step.is_first_try {
                    self.writes[at].tried_again(step.operation);
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
            again: Vec::new(),
        }
    }

    fn tried_again(&mut self, operation: &'a Operation) {
        let earlier = self
            .decided
            .is_none_or(|decided| operation.completed_us < decided.completed_us);
        if operation.is_decided() && earlier {
            self.decided = Some(operation);
        }
        if operation.invoked_us < self.first.invoked_us {
            self.again.push(std::mem::replace(&mut self.first, operation));
        } else {
            self.again.push(operation);
        }
    }

    /// Every operation that tried it.
    pub(crate) fn tries(&self) -> impl Iterator<Item = &'a Operation> {
        std::iter::once(self.first).chain(self.again.iter().copied())
    }

    /// It is known that the bank never applied it.
    pub(crate) fn is_not_applied(&self) -> bool {
        self.tries().all(|operation| operation.outcome == Outcome::NotApplied)
    }
}
