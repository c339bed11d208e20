//! Settings that all customers of a run share.

use bank_client::{Level, Propagation};
use bank_cluster::Programs;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Settings that all customers of a run share.
#[derive(Debug, Clone)]
pub struct CustomerConfig {
    /// The programs to start.
    pub programs: Programs,
    /// Path of the bank file.
    pub bank: PathBuf,
    /// Flags by which customers connect.
    pub flags: Vec<OsString>,
    /// Directory for `customer-N.session.json` and `customer-N.log` of each customer.
    pub dir: PathBuf,
    /// Consistency level of reads.
    pub level: Level,
    /// Branches that a write waits for.
    pub propagation: Propagation,
    /// Deadline of each event.
    pub timeout: Duration,
}
