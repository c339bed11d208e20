//! Positions in the journal.

/// How many commands of the journal have been applied: 0 before the first, then 1, 2, 3 … The position of a command is
/// the count right after it.
pub type Position = u64;
