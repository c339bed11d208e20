//! Faults that were injected into the bank during a run.

use serde::{Deserialize, Serialize};

/// A fault that was injected on purpose, with the time that it lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Kind of the fault, with the branches that it concerns.
    pub kind: FaultKind,
    /// Time at which the fault began.
    pub from_us: u64,
    /// Time at which the fault ended. `None` if it lasted until the end of the run.
    pub until_us: Option<u64>,
}

/// Kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// Messages to one branch are held back. They arrive late and in order.
    Hold {
        /// Branch that receives late.
        to: u32,
    },
    /// Messages from one branch to another arrive later.
    Delay {
        /// Branch that sends. `None` means every branch.
        from: Option<u32>,
        /// Branch that receives.
        to: u32,
        /// Added delay in microseconds.
        by_us: u64,
    },
    /// No message gets from one branch to another.
    Cut {
        /// Branch that sends. `None` means every other branch.
        from: Option<u32>,
        /// Branch that receives. `None` means every other branch.
        to: Option<u32>,
    },
    /// The process of a branch is stopped with SIGSTOP.
    Pause {
        /// Branch that is paused.
        branch: u32,
    },
    /// The process of a branch is killed. The fault ends when the branch is started again.
    Kill {
        /// Branch that is killed.
        branch: u32,
    },
}
