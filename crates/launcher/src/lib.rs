//! Runs an input file on a bank of real processes. In reading order:
//!
//! - [`cli`]: what was asked on the command line, and the exit code.
//! - [`input`]: the input file, checked whole before anything starts.
//! - [`run`]: one run from start to end; [`run_folder`] is where it keeps its files.
//! - [`faults`]: the faults of an input: planned and played.
//! - [`customers`]: customer processes and what they were told.
//! - [`output`]: the output file, made and read back.
//! - [`history`], [`meta`]: what is recorded of a run; [`recorded`]: the same, read back.
//! - [`verdict`], [`unanswered`], [`tally`]: what `bank-check` makes of it; [`report`], [`table`], [`machine`], [`page`]: how it is said.
//! - [`demo`]: an anomaly on purpose: the same input under a weak setting and under a strong one.
//! - [`live`]: a bank that stays, looked at and broken from other shells.
//! - [`date`], [`interrupts`], [`progress`], [`duration`]: what these stand on.
//!
//! The branches themselves are a `bank_cluster`.
//! It starts `branchd` and `customer-cli` as programs and never links them.

pub mod cli;
pub mod customers;
pub mod date;
pub mod demo;
pub mod duration;
pub mod faults;
pub mod history;
pub mod input;
pub mod interrupts;
pub mod live;
pub mod machine;
pub mod meta;
pub mod output;
pub mod page;
pub mod progress;
pub mod recorded;
pub mod report;
pub mod run;
pub mod run_folder;
pub mod table;
pub mod tally;
pub mod unanswered;
pub mod verdict;
