//! Reads and writes the JSON lines of a run folder. It works on text, not on files. A line that it does not understand
//! is an error that names the file, the line and, if one field is wrong, the field.

use super::bad_field::bad_field;
use super::journal::{Journal, JournalLine};
use super::operation::Operation;
use super::run::{History, Line};
use std::collections::HashSet;

/// An error in one line of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct ParseError {
    /// File name, as the caller gave it.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The line is not JSON or does not have the expected fields.
    #[error("{0}")]
    Malformed(String),
    /// The first line of a journal does not name the branch.
    #[error("a journal begins with a line of type \"branch\"")]
    MissingBranchLine,
    /// A later line of a journal names a branch again.
    #[error("only the first line of a journal is of type \"branch\"")]
    RepeatedBranchLine,
    /// Two files are journals of one branch.
    #[error("there is a journal of branch {0} already")]
    DuplicateJournal(u32),
    /// Two operations have the same session and sequence.
    #[error("session {session} has an operation {sequence} already")]
    DuplicateOperation {
        /// Session of both operations.
        session: String,
        /// Sequence of both operations.
        sequence: u64,
    },
}

/// File name in errors about operations and faults.
const HISTORY_FILE: &str = "history.jsonl";

impl History {
    /// Reads a run from the text of `history.jsonl` and the name and text of each journal. Empty lines are ignored.
    ///
    /// `branches` then holds each branch that was asked, that answered, or that has a journal. If the bank has more
    /// branches, the caller adds them, so that their missing journals are reported.
    ///
    /// # Errors
    /// Names the first line that is wrong and what is wrong with it.
    pub fn parse(history_jsonl: &str, journals: &[(String, &str)]) -> Result<History, ParseError> {
        let mut history = History::default();
        for (number, text) in lines(history_jsonl) {
            match line(HISTORY_FILE, number, text)? {
                Line::Operation(operation) => history.operations.push(operation),
                Line::Fault(fault) => history.faults.push(fault),
            }
        }
        reject_duplicates(history_jsonl, &history.operations)?;
        for (name, text) in journals {
            let journal = Journal::parse(name, text)?;
            if history.journals.iter().any(|other| other.branch == journal.branch) {
                return Err(parse_error(name, 1, Problem::DuplicateJournal(journal.branch)));
            }
            history.journals.push(journal);
        }
        history.journals.sort_by_key(|journal| journal.branch);
        history.branches = history.known_branches();
        Ok(history)
    }

    /// Text of `history.jsonl`: the operations, then the faults.
    pub fn lines(&self) -> String {
        let operations = self.operations.iter().cloned().map(Line::Operation);
        let faults = self.faults.iter().cloned().map(Line::Fault);
        to_jsonl(operations.chain(faults))
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
    /// Reads one journal. Errors name the file `name`.
    ///
    /// # Errors
    /// Names the first line that is wrong and what is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Journal, ParseError> {
        let mut lines = lines(text);
        let Some((number, first)) = lines.next() else {
            return Err(parse_error(name, 1, Problem::MissingBranchLine));
        };
        let JournalLine::Branch {
            branch,
            position,
            digest,
            leaders,
            entries_head,
        } = line(name, number, first)?
        else {
            return Err(parse_error(name, number, Problem::MissingBranchLine));
        };
        let mut applied = Vec::new();
        for (number, text) in lines {
            match line(name, number, text)? {
                JournalLine::Applied(entry) => applied.push(entry),
                JournalLine::Branch { .. } => return Err(parse_error(name, number, Problem::RepeatedBranchLine)),
            }
        }
        Ok(Journal {
            branch,
            position,
            digest,
            leaders,
            entries_head,
            applied,
        })
    }

    /// Text of `journals/branch-N.jsonl`.
    pub fn lines(&self) -> String {
        let first = JournalLine::Branch {
            branch: self.branch,
            position: self.position,
            digest: self.digest.clone(),
            leaders: self.leaders.clone(),
            entries_head: self.entries_head.clone(),
        };
        to_jsonl(std::iter::once(first).chain(self.applied.iter().cloned().map(JournalLine::Applied)))
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty())
}

fn line<T: serde::de::DeserializeOwned>(file: &str, number: usize, text: &str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|error| {
        // serde_json was given one line, so only the column of its position has a meaning.
        let message = error.to_string();
        let message = message.split(" at line 1 column ").next().unwrap_or(&message);
        let field = bad_field::<T>(text, message);
        let message = match (field, error.column()) {
            (Some(field), _) => format!("field `{field}`: {message}"),
            // The line is JSON but has other fields than expected: serde_json knows no column.
            (None, 0) => message.to_owned(),
            (None, column) => format!("column {column}: {message}"),
        };
        parse_error(file, number, Problem::Malformed(message))
    })
}

fn parse_error(file: &str, line: usize, problem: Problem) -> ParseError {
    ParseError {
        file: file.to_owned(),
        line,
        problem,
    }
}

/// Witnesses name an operation by session and sequence, so no two operations may share both.
fn reject_duplicates(text: &str, operations: &[Operation]) -> Result<(), ParseError> {
    let mut seen = HashSet::with_capacity(operations.len());
    let duplicate = operations
        .iter()
        .position(|operation| !seen.insert((operation.session.as_str(), operation.sequence)));
    let Some(at) = duplicate else { return Ok(()) };
    let problem = Problem::DuplicateOperation {
        session: operations[at].session.clone(),
        sequence: operations[at].sequence,
    };
    // Lines with faults may stand between operations, so the line number is found by counting again.
    let is_operation = |text: &str| matches!(serde_json::from_str(text), Ok(Line::Operation(_)));
    let number = lines(text).filter(|(_, text)| is_operation(text)).nth(at);
    Err(parse_error(
        HISTORY_FILE,
        number.map_or(1, |(number, _)| number),
        problem,
    ))
}

fn to_jsonl<T: serde::Serialize>(values: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for value in values {
        // Serialization cannot fail: the types hold no maps with other keys than text.
        if let Ok(line) = serde_json::to_string(&value) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests;
