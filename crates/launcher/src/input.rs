//! The input file: who asks what, of which branches, the balance that they open with, and what befalls them. Everything in
//! it is checked before anything starts. Knows every form that people have: the report's, the older ones with `dest`, `bank` and
//! `client`, and the predecessor's, whose events name no branch.

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
pub use error::InputError;
pub(crate) use error::Wrong;
pub use file::{FILE_BYTES_MAX, FileError, read_text};
pub use validate::Input;

#[cfg(test)]
mod tests;
