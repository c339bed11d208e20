//! What this branch knows about its own digests: the digest after each of its newest log entries, and up to which
//! position another branch has confirmed them.
//!
//! The comparison itself is in `comparison`, which sits above the replication engine. The replication engine uses only
//! this module.

mod ring;
mod state;

pub(crate) use state::Agreement;
