//! The settings of a benchmark, as a plain checked value.

use super::accounts::Accounts;
use bank_client::{Level, Propagation};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most clients. A branch accepts 4096 connections.
pub const CLIENTS_MAX: u32 = 4096;
/// Most repeats.
pub const REPEATS_MAX: u32 = 100;
/// Most threads for the clients.
pub const THREADS_MAX: u32 = 64;
/// Most operations a second in an open loop.
pub const RATE_MAX: u32 = 10_000_000;
/// Most operations of a repeat.
pub const OPERATIONS_MAX: u64 = 1_000_000_000;
/// Longest warm-up and longest repeat.
pub const DURATION_MAX: Duration = Duration::from_secs(3600);

/// Most writes of a client in a stream that have no outcome. A branch grants no more.
pub const WINDOW_MAX: u32 = 8192;

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Pay 1 into an account
    Deposit,
    /// Take 1 out of an account
    Withdraw,
    /// Move 1 between two accounts
    Transfer,
    /// Deposits, withdrawals, transfers and queries, a quarter each, in random order
    Mixed,
    /// Read a balance at --level
    Query,
    /// Deposits in one stream for each client, many of them under way at once: --window
    Bulk,
}

impl Op {
    /// The word on the command line and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Op::Deposit => "deposit",
            Op::Withdraw => "withdraw",
            Op::Transfer => "transfer",
            Op::Mixed => "mixed",
            Op::Query => "query",
            Op::Bulk => "bulk",
        }
    }

    /// Whether some operations read, so that a level says something.
    pub fn reads(self) -> bool {
        matches!(self, Op::Mixed | Op::Query)
    }

    /// Whether some operations write, so that a propagation says something.
    pub fn writes(self) -> bool {
        self != Op::Query
    }

    /// Whether some operations take money out, so that accounts need some at the start.
    pub fn takes_money(self) -> bool {
        matches!(self, Op::Withdraw | Op::Transfer | Op::Mixed)
    }
}

/// The end of a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Operations begin for this time, in milliseconds.
    DurationMs(u64),
    /// This number of operations is made.
    Operations(u64),
}

/// The settings of a benchmark. Results are compared only if these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Number of branches of the bank.
    pub branches: u32,
    /// Number of clients. Each has its own connection and session, and one operation at a time, or one stream.
    pub clients: u32,
    /// What the clients do.
    pub op: Op,
    /// Level of the reads. `None` if there are none.
    pub level: Option<Level>,
    /// Accounts of the operations.
    pub accounts: Accounts,
    /// Most writes of a client in its stream that have no outcome. `None` if there are no streams.
    pub window: Option<u32>,
    /// Branches that a write waits for. `None` if there are no writes.
    pub propagation: Option<Propagation>,
    /// Operations a second that begin, in an open loop. `None`: each client begins one as soon as its last one ends.
    pub rate: Option<u32>,
    /// Time before the first operation that counts, in milliseconds.
    pub warm_up_ms: u64,
    /// End of each repeat.
    pub limit: Limit,
    /// Threads on which the clients run.
    pub load_threads: u32,
    /// Deadline of an operation, in milliseconds.
    pub timeout_ms: u64,
    /// Whether the bank was started for the benchmark.
    pub own_bank: bool,
    /// Whether branches and clients have certificates and connect by TLS. Results with and without are compared.
    #[serde(default)]
    pub tls: bool,
}

impl Settings {
    /// The time before the first operation that counts.
    pub fn warm_up(&self) -> Duration {
        Duration::from_millis(self.warm_up_ms)
    }

    /// The deadline of an operation.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The number of operations of an open loop: before the first that counts, and in all. `None` in a closed loop.
    pub(super) fn open_turns(&self) -> Option<(u64, u64)> {
        let rate = u64::from(self.rate?);
        let warm_up = rate.saturating_mul(self.warm_up_ms).div_ceil(1000);
        let counted = match self.limit {
            Limit::DurationMs(ms) => rate.saturating_mul(ms).div_ceil(1000),
            Limit::Operations(operations) => operations,
        };
        Some((warm_up, warm_up.saturating_add(counted)))
    }

    /// The names of the settings that differ, each with both values. TLS is left out: what it costs is a question that
    /// a comparison answers.
    pub fn differences(&self, other: &Settings) -> Vec<String> {
        let [a, b] = [self, other].map(|settings| serde_json::to_value(settings).unwrap_or_default());
        let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
            return Vec::new();
        };
        let differ = a
            .iter()
            .filter(|(name, value)| *name != "tls" && b.get(*name) != Some(value));
        let words = differ.map(|(name, value)| format!("{name} {value} and {}", b[name]));
        words.collect()
    }
}
