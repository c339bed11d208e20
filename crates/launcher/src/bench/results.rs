//! The result of a benchmark, as one document: figures, settings, host, and what each repeat recorded.

use super::machine::Machine;
use super::settings::Settings;
use serde::{Deserialize, Serialize};

/// Version of the document.
pub const FORMAT: u32 = 1;

/// The result of a benchmark. The figures at its top are the medians over the repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of the document: [`FORMAT`].
    pub format: u32,
    /// Medians over the repeats.
    #[serde(flatten)]
    pub median: Figures,
    /// The lowest value of each figure.
    pub lowest: Figures,
    /// The highest value of each figure.
    pub highest: Figures,
    /// What was measured.
    pub settings: Settings,
    /// Where it was measured.
    pub machine: Machine,
    /// Start of the benchmark in UTC, such as `2026-11-23T03:05:12Z`.
    pub started: String,
    /// Whether a signal ended it early.
    pub interrupted: bool,
    /// What the check of the books found. `None` if they were not checked, or are wrong.
    pub books: Option<Books>,
    /// What went wrong after the last repeat, such as wrong books.
    pub error: Option<String>,
    /// The branches.
    pub branches: Vec<BranchMemory>,
    /// The repeats, in order.
    pub repeats: Vec<Repeat>,
}

/// The figures of one repeat, or over all repeats. Latencies are in microseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Operations that were done or refused, for each second from the start of the repeat to the end of its last one.
    pub operations_per_second: f64,
    /// Latency that half of the operations did not exceed.
    pub p50_us: u64,
    /// Latency that 99 % of the operations did not exceed.
    pub p99_us: u64,
    /// Latency that 99.9 % of the operations did not exceed.
    pub p999_us: u64,
    /// Longest latency.
    pub max_us: u64,
    /// Processor time of all branches together for each operation. `None` if it was not measured.
    pub branch_cpu_us_per_operation: Option<f64>,
    /// Processor time of this program for each operation. `None` if it was not measured.
    pub load_cpu_us_per_operation: Option<f64>,
    /// Bytes that all branches together wrote to disks for each operation. `None` if it was not measured.
    pub written_bytes_per_operation: Option<f64>,
    /// Syncs of all branches' journals together for each operation. `None` if the branches did not tell them.
    pub syncs_per_operation: Option<f64>,
    /// Operations that were done or refused. Only these have a latency.
    pub operations: u64,
    /// Writes that the bank decided against.
    pub refused: u64,
    /// Operations without an answer. A write among them was certainly not applied.
    pub failed: u64,
    /// Writes that may have been applied or not.
    pub unknown: u64,
    /// Operations of an open loop that no client could begin within a deadline after the end.
    pub unsent: u64,
}

/// One repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// From the start to the end of the last operation.
    pub seconds: f64,
    /// What was said about the first operation that was not done.
    pub first_problem: Option<String>,
    /// The work of each branch.
    pub branches: Vec<BranchWork>,
    /// The distribution of the latency: pairs of a quantile from 0 to 1 and the latency there.
    pub quantiles: Vec<(f64, u64)>,
    /// Length of a slice of time in milliseconds.
    pub slice_ms: u64,
    /// Number of operations that ended in each slice.
    pub slice_operations: Vec<u32>,
    /// Longest latency among them. 0 in a slice without operations.
    pub slice_longest_us: Vec<u64>,
}

/// The work of a branch in a repeat, for each operation of the bank. A field is `None` if it was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchWork {
    /// Number of the branch.
    pub branch: u32,
    /// Processor time.
    pub cpu_us_per_operation: Option<f64>,
    /// Bytes written to disks.
    pub written_bytes_per_operation: Option<f64>,
    /// Syncs of the journal.
    pub syncs_per_operation: Option<f64>,
}

/// The memory of a branch. A field is `None` if it was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchMemory {
    /// Number of the branch.
    pub branch: u32,
    /// Whether the branch led the bank at the end.
    pub leads: bool,
    /// Resident memory before the accounts were opened, in bytes.
    pub idle_bytes: Option<u64>,
    /// Resident memory after the last repeat, in bytes.
    pub after_bytes: Option<u64>,
}

/// Books that were checked and are right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Number of accounts.
    pub accounts: u64,
    /// Sum of their balances, in minor units.
    pub sum: i64,
    /// What was paid in before the operations.
    pub paid_in: i64,
    /// Acknowledged deposits less acknowledged withdrawals.
    pub moved: i64,
    /// Deposits and withdrawals whose outcome is not known.
    pub doubtful: u64,
    /// Position at which all branches have the same digest.
    pub position: u64,
}
