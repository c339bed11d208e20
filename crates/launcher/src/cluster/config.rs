//! What a cluster is made of: a plain value.

use super::Ports;
use crate::programs::{Programs, ProgramsError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Whether branches end with the launcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// However the launcher ends.
    WithLauncher,
    /// They can be left running.
    Kept,
}

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// What to start.
    pub programs: Programs,
    /// Holds `branch-N/data` and `branch-N/log` for each branch.
    pub dir: PathBuf,
    /// The numbers of the branches.
    pub branches: Vec<u32>,
    /// Where they listen.
    pub ports: Ports,
    /// Whether they end with the launcher.
    pub lifetime: Lifetime,
    /// Further flags for `branchd start`.
    pub branch_args: Vec<OsString>,
}

impl ClusterConfig {
    /// Branches on free ports, with the programs beside this one, that end with the launcher: what tests want.
    ///
    /// # Errors
    /// A program is missing.
    pub fn new(dir: &Path, branches: impl IntoIterator<Item = u32>) -> Result<Self, ProgramsError> {
        Ok(ClusterConfig {
            programs: Programs::beside_this_one()?,
            dir: dir.to_owned(),
            branches: branches.into_iter().collect(),
            ports: Ports::Auto,
            lifetime: Lifetime::WithLauncher,
            branch_args: Vec::new(),
        })
    }
}
