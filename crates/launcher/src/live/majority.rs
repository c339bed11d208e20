//! Whether a bank can decide writes: whether a majority of its voters runs and can reach each other. This is judged by
//! what the launcher knows of processes and links, and by the voters that the branches report.

use std::collections::BTreeSet;

/// The voters of a bank, as the launcher sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Voters {
    /// All voters. Empty if no branch has reported them yet.
    pub(super) all: BTreeSet<u32>,
    /// Voters that have a process.
    pub(super) running: BTreeSet<u32>,
    /// Voters whose process is paused.
    pub(super) paused: BTreeSet<u32>,
}

impl Voters {
    /// Describes why no write can go through. `None` if a majority runs and reaches each other, or nothing is known.
    /// `passes` tells whether messages pass from the first branch to the second.
    pub(super) fn missing_majority(&self, passes: impl Fn(u32, u32) -> bool) -> Option<String> {
        let (all, quorum) = (self.all.len(), self.all.len() / 2 + 1);
        let up: Vec<u32> = self
            .all
            .intersection(&self.running)
            .copied()
            .filter(|voter| !self.paused.contains(voter))
            .collect();
        // A leader has to reach the others, and they have to reach it.
        let reached = |&leader: &u32| {
            let both_ways = |&&other: &&u32| other == leader || passes(leader, other) && passes(other, leader);
            up.iter().filter(both_ways).count()
        };
        if all == 0 || up.iter().any(|leader| reached(leader) >= quorum) {
            return None;
        }
        let why = match up.len() {
            up if up >= quorum => format!("no {quorum} of {all} voters reach each other"),
            up => {
                let are = if up == 1 { "voters is" } else { "voters are" };
                let paused = if self.paused.is_empty() { "" } else { " and not paused" };
                format!("{up} of {all} {are} up{paused}")
            }
        };
        Some(format!("no majority: {why}; no write can go through"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(all: &[u32], running: &[u32], paused: &[u32]) -> Voters {
        let set = |branches: &[u32]| branches.iter().copied().collect();
        Voters {
            all: set(all),
            running: set(running),
            paused: set(paused),
        }
    }

    #[test]
    fn a_majority_runs_and_reaches_each_other() {
        let everything = |_, _| true;
        for (voters, expected) in [
            (voters(&[], &[1], &[]), None),
            (voters(&[1], &[1], &[]), None),
            (voters(&[1, 2, 3], &[1, 3], &[]), None),
            (voters(&[1, 2, 3], &[1, 4, 5], &[]), Some("1 of 3 voters is up")),
            (
                voters(&[1, 2, 3], &[1, 2], &[2]),
                Some("1 of 3 voters is up and not paused"),
            ),
            (voters(&[1, 2], &[], &[]), Some("0 of 2 voters are up")),
            (
                voters(&[1, 2, 3, 4, 5], &[1, 2, 6, 7], &[]),
                Some("2 of 5 voters are up"),
            ),
        ] {
            let expected = expected.map(|why| format!("no majority: {why}; no write can go through"));
            assert_eq!(voters.missing_majority(everything), expected, "{voters:?}");
        }
    }

    #[test]
    fn voters_that_are_cut_off_from_each_other_are_no_majority() {
        let all = voters(&[1, 2, 3], &[1, 2, 3], &[]);
        for (cut, expected) in [
            (vec![(1, 2), (2, 1)], None),
            // One way is enough: replies do not come back.
            (
                vec![(1, 2), (1, 3), (2, 3)],
                Some("no majority: no 2 of 3 voters reach each other; no write can go through"),
            ),
            (vec![(1, 2), (3, 1)], None),
        ] {
            let missing = all.missing_majority(|from, to| !cut.contains(&(from, to)));
            assert_eq!(missing.as_deref(), expected, "{cut:?}");
        }
    }
}
