//! What another shell asks of a live bank and what it is answered, as both go over the wire.

use super::status::BankStatus;
use bank_cluster::faults::FaultAction;
use serde::{Deserialize, Serialize};

/// What is asked of a live bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ControlRequest {
    /// How the bank is.
    Status,
    /// Stop the bank.
    Down,
    /// Perform this action on the bank.
    Do(FaultAction),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ControlResponse {
    /// It was done: one line for people.
    Done(String),
    /// How the bank is.
    Status(BankStatus),
    /// It was not done.
    Refused {
        /// As this program exits.
        exit_code: u8,
        /// One line for people.
        message: String,
    },
}
