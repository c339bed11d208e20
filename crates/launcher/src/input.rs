//! The input file: branches with their opening balance, customers with their events, and faults. It is read and checked
//! as a whole before any process starts. Older forms of the file are accepted too: those with the words `dest`, `bank`
//! and `client`, and one whose events name no branch.
//!
//! In reading order: `file` reads the text, `json` parses it and keeps the place of each value, `entry` gives the
//! fields of an object by name, `branches`, `validate` and `fault` check what the fields mean, `planned_fault` is a
//! checked fault, and `error` names the place of what is wrong.

mod branches;
mod entry;
mod error;
mod fault;
mod file;
pub(crate) mod json;
pub mod planned_fault;
mod validate;

pub use bank_check::script::{Action, Event, Script, Visit};
pub use branches::BRANCHES_MAX;
pub(crate) use entry::{Checked, written, wrong};
pub use error::InputError;
pub(crate) use error::Wrong;
pub use file::{FILE_BYTES_MAX, FileError, FileId, is_stdin, read_text, short_name, shown};
pub use validate::Input;

#[cfg(test)]
mod tests;
