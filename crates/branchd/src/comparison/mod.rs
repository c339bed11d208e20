//! Compares the digests of this branch with those of other branches at the same position, as long as the branch runs.
//!
//! - A follower asks its leader to compare after every interval ([`compare::INTERVAL`]) in which something was applied.
//! - A branch that decides a command from a row that it has read from the file compares at once. Such a row may have
//!   been damaged on disk. A row in memory comes from a state that was compared.
//! - A leader holds an answer back until another branch has confirmed the rows that the answer was decided from. So a
//!   leader acknowledges nothing that rests on a damaged row of its own.
//! - On a mismatch each side asks every voter, and the majority decides who is wrong ([`judge`]).
//!
//! Three cases are not detected: a balance that no write has touched since the damage, if the entries that it is
//! checked against are damaged to match; a read at the leader while its answer is held back, for about one round trip;
//! damage to memory, for up to [`compare::INTERVAL`] and a round trip.

mod compare;
mod judge;

pub(crate) use compare::Comparison;
