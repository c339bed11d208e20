//! One recorded run.

use super::fault::Fault;
use super::journal::Journal;
use super::operation::Operation;
use serde::{Deserialize, Serialize};

/// A run, whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// What customers did, in any order; one session's operations have rising `sequence`.
    pub operations: Vec<Operation>,
    /// What befell the bank.
    pub faults: Vec<Fault>,
    /// What each branch applied, one for each branch whose journal could be had.
    pub journals: Vec<Journal>,
    /// Every branch of the bank, had or not.
    pub branches: Vec<u32>,
}

/// A line of `history.jsonl`.
// Nearly all lines are operations: boxing them would cost more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// Of a customer.
    Operation(Operation),
    /// Of the bank's bad luck.
    Fault(Fault),
}
