//! Evidence that several guarantees are judged from. It judges nothing.
//!
//! - `request_id`: request ids, independent of their spelling.
//! - `replay`: the checker's own balances, and where a journal contradicts them.
//! - `journals`: the branches' journals, compared with each other.
//! - `index`: sessions and writes of a run, with its journals and their replay.
//! - `sums`: possible sums of writes that may or may not have been applied.
//! - `describe`: how witnesses name operations and commands.
//! - `verdict_builder`: counts cases and keeps the best witnesses.

pub(crate) mod describe;
pub(crate) mod index;
pub(crate) mod journals;
pub(crate) mod replay;
pub(crate) mod request_id;
pub(crate) mod sums;
pub(crate) mod verdict_builder;
