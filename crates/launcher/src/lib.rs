//! Runs an input file on a bank of real processes. In reading order, each room importing only from those after it:
//!
//! - [`cli`]: the command line, and the exit codes.
//! - [`demo`]: an anomaly on purpose: the same input under a weak setting and under a strong one.
//! - [`live`]: a bank that keeps running, with commands from other shells to show it, to inject faults and to stop it.
//! - [`mod@bench`]: a bank under load, measured.
//! - [`runs`]: the list of run folders, and the removal of old ones.
//! - [`verdict`]: what `bank-check` makes of a run, and how that is said: as text, JSON and HTML.
//! - [`output`]: the output file, made and read back.
//! - [`run`]: one run from start to end: customers, faults, history, and the run folder.
//! - [`input`]: the input file, which is checked as a whole before any process starts.
//! - [`terminal`]: progress bar, signals, stdout, colours.
//! - [`date`], [`duration`]: dates and durations in the form that people write and read.
//! - [`exit`]: the exit codes.
//!
//! The branches themselves are a `bank_cluster`. The launcher starts `branchd` and `customer-cli` as programs and never
//! links them.

pub mod bench;
pub mod cli;
pub mod date;
pub mod demo;
pub mod duration;
pub mod exit;
pub mod input;
pub mod live;
pub mod output;
pub mod run;
pub mod runs;
pub mod terminal;
pub mod verdict;
