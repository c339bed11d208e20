//! Runs an input file on a bank of real processes. In reading order:
//!
//! - [`cli`]: what was asked on the command line, and the exit code.
//! - [`input`]: the input file, checked whole before anything starts.
//! - [`run`]: one run from start to end; [`run_folder`] is where it keeps its files.
//! - [`cluster`]: branch processes: start, kill, pause, restart, stop. End-to-end tests use it too.
//! - [`network`]: what is between branches, where it is to be bent; it is made of [`relay`]s.
//! - [`faults`]: what can be done to a running bank on purpose, the book of it, and the play of an input's.
//! - [`customers`]: customer processes and what they were told.
//! - [`output`]: the output file, made and read back.
//! - [`history`], [`journals`], [`meta`]: what is recorded of a run; [`recorded`]: the same, read back.
//! - [`verdict`], [`unanswered`], [`tally`]: what `bank-check` makes of it; [`report`], [`table`], [`machine`], [`page`]: how it is said.
//! - [`demo`]: an anomaly on purpose: the same input under a weak setting and under a strong one.
//! - [`live`]: a bank that stays, looked at and broken from other shells.
//! - [`programs`], [`process`], [`clock`], [`interrupts`], [`progress`], [`duration`]: what these stand on.
//!
//! It starts `branchd` and `customer-cli` as programs and never links them.

pub mod cli;
pub mod clock;
pub mod cluster;
pub mod customers;
pub mod demo;
pub mod duration;
pub mod faults;
pub mod history;
pub mod input;
pub mod interrupts;
pub mod journals;
pub mod live;
pub mod machine;
pub mod meta;
pub mod network;
pub mod output;
pub mod page;
pub mod process;
pub mod programs;
pub mod progress;
pub mod recorded;
pub mod relay;
pub mod report;
pub mod run;
pub mod run_folder;
pub mod table;
pub mod tally;
pub mod unanswered;
pub mod verdict;

mod last_line;
