//! Faults that were injected into the bank during a run.

use serde::{Deserialize, Serialize};

/// Something that befell the bank, on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// When it began.
    pub from_us: u64,
    /// When it was over; `None`: not before the run was.
    pub until_us: Option<u64>,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// What branches send to this one is held back, and arrives late, in order.
    Hold {
        /// To which branch.
        to: u32,
    },
    /// What goes from one branch to another arrives later by this much.
    Delay {
        /// From which branch; `None`: from all.
        from: Option<u32>,
        /// To which branch.
        to: u32,
        /// In microseconds.
        by_us: u64,
    },
    /// Nothing goes from one branch to another.
    Cut {
        /// From which branch; `None`: from all others.
        from: Option<u32>,
        /// To which branch; `None`: to all others.
        to: Option<u32>,
    },
    /// The process stands still.
    Pause {
        /// Which branch.
        branch: u32,
    },
    /// The process was killed; until it was started again.
    Kill {
        /// Which branch.
        branch: u32,
    },
}
