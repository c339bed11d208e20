//! The input file: who asks what, of which branches, the balance that they open with, and what befalls them. Everything in
//! it is checked before anything starts. Knows every form that people have: the report's, the older ones with `dest`, `bank` and
//! `client`, and the predecessor's, whose events name no branch.

mod entry;
mod fault;
mod file;
pub(crate) mod json;
pub mod planned_fault;
mod validate;

pub use bank_check::script::{Action, Event, Script, Visit};
pub(crate) use file::position;
pub use file::{FILE_BYTES_MAX, FileError, read_text};

use crate::input::planned_fault::Planned;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// More branches than this are refused: each is a process of its own.
pub const BRANCHES_MAX: usize = 512;

/// A checked input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The branches' numbers in the order of the file, each once, each at least 1.
    pub branches: Vec<u32>,
    /// The opening balance and the customers; every event's branch is one of the above.
    pub script: Script,
    /// In the order of the file; their branches and events are some of the above.
    pub faults: Vec<Planned>,
}

/// Why an input cannot be run.
#[derive(Debug, Error)]
pub enum InputError {
    /// Its text cannot be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {whose}{what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// Such as "customer 1, event 4: " or "fault no. 2: "; empty where it is nobody's.
        whose: String,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// Something wrong in a text, before it has a file and a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) whose: String,
    pub(crate) what: String,
}

impl Wrong {
    /// With the file, the line and the column.
    pub(crate) fn in_file(self, path: &Path, text: &str) -> InputError {
        let (line, column) = position(text, self.at);
        InputError::Content {
            path: path.to_owned(),
            line,
            column,
            whose: self.whose,
            what: self.what,
        }
    }
}

impl Input {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Each names the file and, where there is one, line, column, customer and event.
    pub fn load(path: &Path) -> Result<Self, InputError> {
        Self::parse(path, &read_text(path)?)
    }

    /// Checks a text; `path` is for the errors.
    ///
    /// # Errors
    /// As [`Input::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, InputError> {
        validate::validate(text).map_err(|wrong| wrong.in_file(path, text))
    }

    /// How many events the customers have in all.
    pub fn event_count(&self) -> usize {
        self.script.visits.iter().map(|visit| visit.events.len()).sum()
    }

    /// Whether some fault takes a network that can be bent.
    pub fn bends_network(&self) -> bool {
        self.faults.iter().any(|fault| fault.deed.bends_network())
    }
}

#[cfg(test)]
mod tests;
