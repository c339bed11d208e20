//! `meta.json` of a run folder: how the run was made, by what, where and when, and what was recorded of it.

use bank_client::{Level, Propagation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a run was made. Fields that this program does not know are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The name of the input.
    pub input: String,
    /// When it began, in UTC: `2026-11-23T03:05:12Z`.
    pub started: String,
    /// The command line that it was started with, without the program.
    pub flags: Vec<String>,
    /// What reads promised.
    pub level: Level,
    /// What writes waited for.
    pub propagation: Propagation,
    /// All customers ran at once.
    pub concurrent: bool,
    /// What the bank was founded with, in minor units.
    pub opening_balance: i64,
    /// Reads that promised less are judged for linearizability too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub every_read: bool,
    /// Every branch of the bank.
    pub branches: Vec<u32>,
    /// The branches whose journals are in the folder.
    pub journals: Vec<u32>,
    /// What went wrong in the run that its history cannot show, in words.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Programs and their versions.
    pub versions: BTreeMap<String, String>,
    /// The host.
    pub platform: Platform,
}

/// A host, as far as a reader of its measurements wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `x86_64`.
    pub arch: String,
    /// How many threads can run at once.
    pub processors: usize,
}

/// This program's version, and that which a branch gives as its own.
pub fn versions(branchd: Option<String>) -> BTreeMap<String, String> {
    let launcher = ("launcher".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let branchd = branchd.map(|version| ("branchd".to_owned(), version));
    [launcher].into_iter().chain(branchd).collect()
}

impl Platform {
    /// This host.
    pub fn this() -> Self {
        Platform {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
