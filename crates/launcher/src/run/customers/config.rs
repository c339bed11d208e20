//! What the customers of a run have in common: a plain value.

use bank_client::{Level, Propagation};
use bank_cluster::Programs;
use std::path::PathBuf;
use std::time::Duration;

/// How customers go about their events.
#[derive(Debug, Clone)]
pub struct CustomerConfig {
    /// What to start.
    pub programs: Programs,
    /// The bank file.
    pub bank: PathBuf,
    /// Holds `customer-N.session.json` and `customer-N.log` for each customer.
    pub dir: PathBuf,
    /// What reads promise.
    pub level: Level,
    /// What writes wait for.
    pub propagation: Propagation,
    /// The deadline of each event.
    pub timeout: Duration,
}
