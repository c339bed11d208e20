//! Guarantees about the order of operations: against the clock, and from branch to branch.

pub(crate) mod agreement;
pub(crate) mod applied_order;
pub(crate) mod linearizability;
pub(crate) mod no_future_reads;
