//! Runs an input file on a bank of real processes. In reading order, each room importing only from those after it:
//!
//! - [`cli`]: what was asked on the command line, and the exit code.
//! - [`demo`]: an anomaly on purpose: the same input under a weak setting and under a strong one.
//! - [`live`]: a bank that stays, looked at and broken from other shells.
//! - [`verdict`]: what `bank-check` makes of a run, and how that is said: as text, JSON and HTML.
//! - [`output`]: the output file, made and read back.
//! - [`run`]: one run from start to end: customers, faults, history, and the run folder.
//! - [`input`]: the input file, checked whole before anything starts.
//! - [`terminal`]: a progress bar, signals, stdout.
//! - [`date`], [`duration`]: times as people write them.
//!
//! The branches themselves are a `bank_cluster`. The launcher starts `branchd` and `customer-cli` as programs and never links them.

pub mod cli;
pub mod date;
pub mod demo;
pub mod duration;
pub mod input;
pub mod live;
pub mod output;
pub mod run;
pub mod terminal;
pub mod verdict;
