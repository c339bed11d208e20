//! What is wrong with an input, and where.

use super::file::{FileError, position};
use std::path::{Path, PathBuf};
use thiserror::Error;

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
