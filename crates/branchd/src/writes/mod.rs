//! The path of a write from the service to its outcome: [`writer`] queues writes and has them decided in batches,
//! [`propagation`] waits until every branch has applied one.

pub(crate) mod propagation;
pub(crate) mod writer;
