//! The judge: what was asked of a bank and what it answered go in, verdicts with witnesses come out.
//!
//! Pure: no files, no clock, no network. It shares no code with `bank-ledger`, because a judge who uses the
//! defendant's arithmetic proves little. In reading order:
//!
//! - [`script`]: what was asked: an opening balance and each customer's events.
//! - [`verdict`]: pass, fail or unknown, the number of cases judged, and a witness in words for each failure.
//! - [`output`]: judges an output file, which holds balances and results but no positions.
//! - [`history`]: what happened in a run, as it was recorded, and its lines.
//! - [`judge`]: judges a whole recorded run, the branches' journals included, for every guarantee and every invariant.
//!
//! A run that exercised nothing of what a judge looks at is `unknown`, not `pass`.

mod analysis;
mod guarantees;
pub mod history;
mod options;
pub mod output;
pub mod script;
pub mod verdict;

pub use guarantees::judge;
pub use history::History;
pub use options::Options;
pub use verdict::{Verdict, overall};
