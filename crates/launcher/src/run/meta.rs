//! `meta.json` of a run folder: the settings of the run, its time, the programs' versions and the host.

use bank_client::{Level, Propagation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings and circumstances of a run. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// File name of the input.
    pub input: String,
    /// Start of the run in UTC, such as `2026-11-23T03:05:12Z`.
    pub started: String,
    /// Command line of the run, without the program.
    pub flags: Vec<String>,
    /// Consistency level of reads.
    pub level: Level,
    /// Branches that a write waited for.
    pub propagation: Propagation,
    /// Whether all customers ran at once.
    pub concurrent: bool,
    /// Opening balance of the account `main`, in minor units.
    pub opening_balance: i64,
    /// Whether reads below the level `strong` are judged for linearizability too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub every_read: bool,
    /// Numbers of all branches of the bank.
    pub branches: Vec<u32>,
    /// Numbers of the branches whose journals are in the folder.
    pub journals: Vec<u32>,
    /// Problems of the run that its history does not show, one sentence each.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Version of each program.
    pub versions: BTreeMap<String, String>,
    /// The host of the run.
    pub platform: Platform,
}

/// A host, described for readers of its measurements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Processor architecture, such as `x86_64`.
    pub arch: String,
    /// Number of threads that can run at once.
    pub processors: usize,
}

/// Versions of this program and of `branchd`, if a branch has reported it.
pub fn versions(branchd: Option<String>) -> BTreeMap<String, String> {
    let launcher = ("launcher".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let branchd = branchd.map(|version| ("branchd".to_owned(), version));
    [launcher].into_iter().chain(branchd).collect()
}

impl Platform {
    /// Describes this host.
    pub fn this() -> Self {
        Platform {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
