//! Whether a majority of the voters can be reached from this branch. `reconfiguration/standing.rs` asks the voters while
//! there is no leader, and records here which of them answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// So few voters can be reached from a branch that they are no majority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no majority: {reached} of {voters} voters can be reached from branch {branch}; no write can go through")]
pub(crate) struct NoMajority {
    /// The branch that counted. If it votes, it counts itself.
    pub(crate) branch: u32,
    pub(crate) reached: u32,
    pub(crate) voters: u32,
}

/// What was missing at the last count. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct LastCount(Arc<Mutex<Option<NoMajority>>>);

impl LastCount {
    pub(super) fn get(&self) -> Option<NoMajority> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, lost: Option<NoMajority>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lost;
    }
}

/// Compares the replicas that a branch reaches with the majority of the voters that a write needs. `None`: they are a
/// majority.
pub(super) fn missing(branch: u32, voters: &BTreeSet<u64>, reached: &BTreeSet<u64>) -> Option<NoMajority> {
    let count = |len| u32::try_from(len).unwrap_or(u32::MAX);
    let reached = voters.intersection(reached).count();
    (!voters.is_empty() && reached <= voters.len() / 2).then_some(NoMajority {
        branch,
        reached: count(reached),
        voters: count(voters.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_more_than_half_of_the_voters() {
        for (voters, reached, told) in [
            (vec![], vec![1], None),
            (vec![1], vec![1], None),
            (vec![1, 2], vec![1], Some("1 of 2")),
            (vec![1, 2], vec![1, 2], None),
            (vec![1, 2, 3], vec![2], Some("1 of 3")),
            (vec![1, 2, 3], vec![2, 3], None),
            // Learners do not count, whether they ask or answer.
            (vec![1, 2, 3], vec![4, 5, 6], Some("0 of 3")),
            (vec![1, 2, 3, 4, 5], vec![1, 2, 6, 7], Some("2 of 5")),
        ] {
            let lost = missing(7, &voters.into_iter().collect(), &reached.iter().copied().collect());
            let expected = told
                .map(|of| format!("no majority: {of} voters can be reached from branch 7; no write can go through"));
            assert_eq!(lost.map(|lost| lost.to_string()), expected, "{reached:?}");
        }
    }
}
