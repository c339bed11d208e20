//! Guarantees about money and decisions: what the journals and replies say is right, complete, and asked for.

pub(crate) mod acknowledged;
pub(crate) mod at_most_once;
pub(crate) mod attempted;
pub(crate) mod conservation;
pub(crate) mod decisions;
pub(crate) mod digests;
pub(crate) mod entries_chained;
pub(crate) mod honest_positions;
pub(crate) mod no_overdraft;
pub(crate) mod rejected;
pub(crate) mod replayed_balances;

mod honest_replies;
mod replay_mismatch;
