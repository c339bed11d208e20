//! The verdict on a run, by `bank-check`, and its output. In reading order:
//!
//! - [`run_verdict`]: the verdicts on all guarantees, which of them count, and the conclusion.
//! - [`excused`]: events that have no answer because of a fault.
//! - [`tally`]: the operations of a run in numbers.
//! - [`report`]: judges a run and writes its files.
//! - [`text`], [`json`], [`html`]: the report as text, as JSON and as a page.
//! - `summary`, `table`, `ending`: the parts of the text.
//! - `causes`: why a run was not finished.

mod causes;
mod ending;
pub mod excused;
pub mod html;
pub mod json;
pub mod report;
pub mod run_verdict;
mod summary;
mod table;
pub mod tally;
pub mod text;
