//! A whole recorded run.

use super::fault::Fault;
use super::journal::Journal;
use super::operation::Operation;
use serde::{Deserialize, Serialize};

/// Everything that was recorded in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Operations of the customers, in any order. Within a session `sequence` rises.
    pub operations: Vec<Operation>,
    /// Faults that were injected.
    pub faults: Vec<Fault>,
    /// One journal for each branch that gave one.
    pub journals: Vec<Journal>,
    /// Every branch of the bank, with or without a journal.
    pub branches: Vec<u32>,
}

/// One line of `history.jsonl`.
// Nearly all lines are operations: boxing them would cost more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// An operation of a customer.
    Operation(Operation),
    /// An injected fault.
    Fault(Fault),
}
