//! What the writer and the readers of one ledger database share.

use std::path::PathBuf;
use std::sync::OnceLock;

use bank_ledger::Ledger;

use super::balance_cache::BalanceCache;
use super::connections::Connections;
use super::error::BooksError;

/// What the writer and the readers of one ledger database share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) balance_cache: BalanceCache,
    pub(super) connections: Connections,
    /// The first error of the disk. It is final: nothing is written after it.
    pub(super) failure: OnceLock<String>,
    /// Called when a read finds damage.
    pub(super) alarm: OnceLock<Alarm>,
}

/// A callback that takes an error.
pub(super) struct Alarm(pub(super) Box<dyn Fn(&BooksError) + Send + Sync>);

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alarm")
    }
}

impl Shared {
    pub(super) fn new(path: PathBuf, ledger: Ledger) -> Self {
        Self {
            balance_cache: BalanceCache::new(ledger),
            connections: Connections::new(path.clone()),
            failure: OnceLock::new(),
            alarm: OnceLock::new(),
            path,
        }
    }
}
