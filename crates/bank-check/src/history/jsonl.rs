//! The lines of a run folder's files, in and out: pure over text. What is not understood is refused, by file and line.

use super::journal::{Journal, JournalLine};
use super::operation::Operation;
use super::run::{History, Line};
use std::collections::HashSet;

/// A line that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct ParseError {
    /// The file, by the name that the caller gave.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is no JSON, or not of the form that is meant; an unknown field is named.
    #[error("{0}")]
    Malformed(String),
    /// The first line of a journal says whose it is; this one does not.
    #[error("a journal begins with a line of type \"branch\"")]
    NoBranch,
    /// It says again whose journal it is.
    #[error("only the first line of a journal is of type \"branch\"")]
    SecondBranch,
    /// Another file is of that branch too.
    #[error("there is a journal of branch {0} already")]
    SecondJournal(u32),
    /// An operation is there twice.
    #[error("session {session} has an operation {sequence} already")]
    SecondOperation {
        /// Its session.
        session: String,
        /// Its number in it.
        sequence: u64,
    },
}

/// The name that errors give to the text of the operations and faults.
const HISTORY_FILE: &str = "history.jsonl";

impl History {
    /// Reads a run: the text of `history.jsonl`, and name and text of each journal. Empty lines are passed over.
    ///
    /// `branches` holds each branch that was asked, that answered, or whose journal is here. A branch of which the texts
    /// know nothing has to be added by who knows of it, so that its journal is missed.
    ///
    /// # Errors
    /// Names the first line that is wrong, and in what.
    pub fn parse(history_jsonl: &str, journals: &[(String, &str)]) -> Result<History, ParseError> {
        let mut history = History::default();
        for (number, text) in lines(history_jsonl) {
            match line(HISTORY_FILE, number, text)? {
                Line::Operation(operation) => history.operations.push(operation),
                Line::Fault(fault) => history.faults.push(fault),
            }
        }
        refuse_doubled(history_jsonl, &history.operations)?;
        for (name, text) in journals {
            let journal = Journal::parse(name, text)?;
            if history.journals.iter().any(|other| other.branch == journal.branch) {
                return Err(wrong(name, 1, Problem::SecondJournal(journal.branch)));
            }
            history.journals.push(journal);
        }
        history.journals.sort_by_key(|journal| journal.branch);
        history.branches = history.known_branches();
        Ok(history)
    }

    /// The text of `history.jsonl`: operations, then faults.
    pub fn lines(&self) -> String {
        let operations = self.operations.iter().cloned().map(Line::Operation);
        let faults = self.faults.iter().cloned().map(Line::Fault);
        written(operations.chain(faults))
    }

    fn known_branches(&self) -> Vec<u32> {
        let asked = self.operations.iter().map(|operation| operation.branch);
        let answered = self.operations.iter().filter_map(|operation| operation.served_by);
        let journals = self.journals.iter().map(|journal| journal.branch);
        let distinct: HashSet<u32> = asked.chain(answered).chain(journals).collect();
        let mut branches: Vec<u32> = distinct.into_iter().collect();
        branches.sort_unstable();
        branches
    }
}

impl Journal {
    /// Reads one journal; `name` is for errors.
    ///
    /// # Errors
    /// Names the first line that is wrong, and in what.
    pub fn parse(name: &str, text: &str) -> Result<Journal, ParseError> {
        let mut lines = lines(text);
        let Some((number, first)) = lines.next() else {
            return Err(wrong(name, 1, Problem::NoBranch));
        };
        let JournalLine::Branch {
            branch,
            position,
            digest,
        } = line(name, number, first)?
        else {
            return Err(wrong(name, number, Problem::NoBranch));
        };
        let mut applied = Vec::new();
        for (number, text) in lines {
            match line(name, number, text)? {
                JournalLine::Applied(entry) => applied.push(entry),
                JournalLine::Branch { .. } => return Err(wrong(name, number, Problem::SecondBranch)),
            }
        }
        Ok(Journal {
            branch,
            position,
            digest,
            applied,
        })
    }

    /// The text of `journals/branch-N.jsonl`.
    pub fn lines(&self) -> String {
        let first = JournalLine::Branch {
            branch: self.branch,
            position: self.position,
            digest: self.digest.clone(),
        };
        written(std::iter::once(first).chain(self.applied.iter().cloned().map(JournalLine::Applied)))
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty())
}

fn line<T: serde::de::DeserializeOwned>(file: &str, number: usize, text: &str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|error| {
        // serde_json counts lines within the text it was given, which is one line: only the column means something.
        let said = error.to_string();
        let said = said.split(" at line 1 column ").next().unwrap_or(&said);
        let said = match error.column() {
            // It does not know: the line is JSON, but not what is meant.
            0 => said.to_owned(),
            column => format!("column {column}: {said}"),
        };
        wrong(file, number, Problem::Malformed(said))
    })
}

fn wrong(file: &str, line: usize, problem: Problem) -> ParseError {
    ParseError {
        file: file.to_owned(),
        line,
        problem,
    }
}

/// Witnesses name an operation by session and sequence, so no two may share them.
fn refuse_doubled(text: &str, operations: &[Operation]) -> Result<(), ParseError> {
    let mut seen = HashSet::with_capacity(operations.len());
    let doubled = operations
        .iter()
        .position(|operation| !seen.insert((operation.session.as_str(), operation.sequence)));
    let Some(at) = doubled else { return Ok(()) };
    let problem = Problem::SecondOperation {
        session: operations[at].session.clone(),
        sequence: operations[at].sequence,
    };
    // Faults stand between operations: count again to find the line.
    let is_operation = |text: &str| matches!(serde_json::from_str(text), Ok(Line::Operation(_)));
    let number = lines(text).filter(|(_, text)| is_operation(text)).nth(at);
    Err(wrong(HISTORY_FILE, number.map_or(1, |(number, _)| number), problem))
}

fn written<T: serde::Serialize>(values: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for value in values {
        // These types hold no maps with keys that are not text, and nothing that refuses to be written.
        if let Ok(line) = serde_json::to_string(&value) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests;
