//! What another shell asks of a live bank and what it is answered, as both go over the wire.

use super::status::BankStatus;
use bank_cluster::faults::Deed;
use bank_cluster::network::Ways;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// How it is.
    Status,
    /// To stop.
    Down,
    /// To let something be done to it.
    Do(Told),
}

/// A deed as it is told: ways are written as people type them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub(super) enum Told {
    Kill(u32),
    Restart(u32),
    Pause(u32),
    Resume(u32),
    Hold(u32),
    Cut(String),
    Delay(String, Duration),
    Heal(Option<String>),
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
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

impl Told {
    /// What is to be done.
    ///
    /// # Errors
    /// The ways are none.
    pub(super) fn deed(&self) -> Result<Deed, String> {
        Ok(match self {
            Told::Kill(branch) => Deed::Kill(*branch),
            Told::Restart(branch) => Deed::Restart(*branch),
            Told::Pause(branch) => Deed::Pause(*branch),
            Told::Resume(branch) => Deed::Resume(*branch),
            Told::Hold(branch) => Deed::Hold(*branch),
            Told::Cut(ways) => Deed::Cut(ways.parse()?),
            Told::Delay(ways, by) => Deed::Delay(ways.parse()?, *by),
            Told::Heal(None) => Deed::Heal(Ways::All),
            Told::Heal(Some(ways)) => Deed::Heal(ways.parse()?),
        })
    }
}
