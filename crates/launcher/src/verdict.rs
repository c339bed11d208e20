//! What `bank-check` makes of a run, and how that is said. In reading order:
//!
//! - [`run_verdict`]: the verdicts, which of them the run had promised, and the one word.
//! - [`excused`]: events that a fault kept from an answer.
//! - [`tally`]: the operations of a run in numbers.
//! - [`text`], [`json`], [`html`]: the verdict for people, for machines and on a page; [`report`]: a whole run for people.

pub mod excused;
pub mod html;
pub mod json;
pub mod report;
pub mod run_verdict;
pub mod tally;
pub mod text;
