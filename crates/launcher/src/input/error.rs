//! Errors of an input, with their place.

use super::file::{FileError, position, shown};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an input cannot be run.
#[derive(Debug, Error)]
pub enum InputError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content is wrong.
    #[error("{}:{line}:{column}: {whose}{what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The part of the input that is wrong, such as "customer 1, event 4: " or "fault no. 2: ". Empty for the file
        /// as a whole.
        whose: String,
        /// What is wrong, and what to write instead.
        what: String,
    },
}

/// An error in a text. Its place is a byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) whose: String,
    pub(crate) what: String,
}

impl Wrong {
    /// Adds the file, the line and the column.
    pub(crate) fn in_file(self, path: &Path, text: &str) -> InputError {
        let (line, column) = position(text, self.at);
        InputError::Content {
            path: shown(path).to_owned(),
            line,
            column,
            whose: self.whose,
            what: self.what,
        }
    }
}
