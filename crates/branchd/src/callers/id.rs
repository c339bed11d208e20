//! The number of a connection.

/// Identifies a connection among all since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(super) u64);
