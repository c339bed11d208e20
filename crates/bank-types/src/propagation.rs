//! Which branches a write waits for.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// Which branches a write waits for before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// A majority of the voters has the write on disk, and the branch that took it has applied it.
    #[default]
    Quorum,
    /// In addition, every branch of the bank has applied it.
    All,
}

words!(Propagation {
    Quorum = "quorum",
    All = "all",
});
