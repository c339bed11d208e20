//! A run put in order: each session's operations in sequence, and each write once, however often it was tried.

use super::Options;
use super::journals::Journals;
use super::replay::Replay;
use crate::history::{Action, Applied, History, Operation, Outcome};
use std::collections::HashMap;

/// What all judges read.
pub(super) struct Run<'a> {
    pub(super) history: &'a History,
    pub(super) options: &'a Options,
    /// In order of first appearance.
    pub(super) sessions: Vec<Session<'a>>,
    /// In order of first appearance.
    pub(super) writes: Vec<Write<'a>>,
    /// Where in `writes` an id is.
    by_id: HashMap<Id<'a>, usize>,
    pub(super) journals: Journals<'a>,
    /// Of the reference journal; `None` without one.
    pub(super) replay: Option<Replay<'a>>,
}

/// One session, in order.
pub(super) struct Session<'a> {
    pub(super) steps: Vec<Step<'a>>,
}

/// One operation in its session.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) operation: &'a Operation,
    /// Of a write with an id: where in `Run::writes` it is.
    pub(super) write: Option<usize>,
    /// It is the first with its id.
    pub(super) is_first_try: bool,
}

/// One write. A customer that does not know what came of it tries it again, with the same id.
pub(super) struct Write<'a> {
    pub(super) id: Id<'a>,
    /// The first to be begun.
    pub(super) first: &'a Operation,
    /// The first to be answered that knew what the bank had decided.
    pub(super) decided: Option<&'a Operation>,
    /// Every operation but `first`; nearly always none.
    pub(super) again: Vec<&'a Operation>,
}

/// A request id, however it is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Id<'a> {
    Uuid(u128),
    Text(&'a str),
}

impl<'a> Id<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (mut value, mut digits) = (0u128, 0);
        for byte in text.bytes().filter(|byte| *byte != b'-') {
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Id::Text(text);
            };
            digits += 1;
            value = value << 4 | u128::from(digit);
        }
        if digits == 32 { Id::Uuid(value) } else { Id::Text(text) }
    }
}

/// What is asked for, in the words of the guarantees.
impl Operation {
    pub(super) fn is_read(&self) -> bool {
        matches!(self.action, Action::Query { .. })
    }

    /// The bank's decision about it is known.
    pub(super) fn is_decided(&self) -> bool {
        !self.is_read() && matches!(self.outcome, Outcome::Accepted | Outcome::Refused(_))
    }

    /// The position that a read was answered from.
    pub(super) fn read_position(&self) -> Option<u64> {
        (self.is_read() && self.outcome == Outcome::Answered)
            .then_some(self.position)
            .flatten()
    }

    /// The branch that answered, or that was asked.
    pub(super) fn answering(&self) -> u32 {
        self.served_by.unwrap_or(self.branch)
    }
}

impl Action {
    /// The account that is named first.
    pub(super) fn account(&self) -> &str {
        match self {
            Action::Query { account }
            | Action::Deposit { account, .. }
            | Action::Withdraw { account, .. }
            | Action::Transfer { account, .. }
            | Action::Open { account, .. } => account,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(history: &'a History, options: &'a Options) -> Self {
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
    pub(super) fn write_of(&self, id: Id<'_>) -> Option<&Write<'a>> {
        // The map's keys live as long as the history; a shorter-lived key finds them all the same.
        self.by_id.get(&id).map(|at| &self.writes[*at])
    }

    /// The write that a command of a journal is.
    pub(super) fn write_behind(&self, applied: &Applied) -> Option<&Write<'a>> {
        self.write_of(Id::of(&applied.request_id))
    }

    /// Where a write stands: in the reference journal, or without one by its reply.
    pub(super) fn position_of(&self, write: &Write<'_>) -> Option<u64> {
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
                let Some(id) = step.operation.request_id.as_deref().map(Id::of) else {
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
    fn new(id: Id<'a>, first: &'a Operation) -> Self {
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
    pub(super) fn tries(&self) -> impl Iterator<Item = &'a Operation> {
        std::iter::once(self.first).chain(self.again.iter().copied())
    }

    /// It is known that the bank never applied it.
    pub(super) fn is_not_applied(&self) -> bool {
        self.tries().all(|operation| operation.outcome == Outcome::NotApplied)
    }
}
