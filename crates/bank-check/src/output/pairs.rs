//! The result of the assignment's own checker. It compares the balances of adjacent queries and does not know the
//! input, so it passes a run in which every balance is 7. Its line is printed because users of the assignment look for
//! it.

use super::reported::{Answer, Reported};
use std::fmt;

/// Two adjacent queries of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Branch of each query, if the output names it.
    pub branches: [Option<u32>; 2],
    /// Balance of each query.
    pub balances: [i64; 2],
}

impl Pair {
    /// True if both queries have the same balance.
    pub fn is_consistent(&self) -> bool {
        self.balances[0] == self.balances[1]
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self
            .branches
            .map(|branch| branch.map_or("?".to_owned(), |branch| branch.to_string()));
        let [x, y] = self.balances;
        if self.is_consistent() {
            write!(f, "Consistent balance between branch {a} and branch {b}. Balance={x}")
        } else {
            write!(
                f,
                "Inconsistency detected between branch {a} and branch {b}: {x} != {y}"
            )
        }
    }
}

/// Every pair of adjacent queries, in the order of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs(pub Vec<Pair>);

impl Pairs {
    /// Finds the pairs in an output. Two queries are adjacent if no entry stands between them, also across customers.
    pub fn of(reported: &[Reported]) -> Self {
        let pairs = reported
            .windows(2)
            .filter_map(|two| match (two[0].answer, two[1].answer) {
                (Answer::Balance(a), Answer::Balance(b)) => Some(Pair {
                    branches: [two[0].branch, two[1].branch],
                    balances: [a, b],
                }),
                _ => None,
            });
        Pairs(pairs.collect())
    }

    /// Number of pairs with equal balances.
    pub fn consistent(&self) -> usize {
        self.0.iter().filter(|pair| pair.is_consistent()).count()
    }
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} out of {} cross-branch query events are correct.",
            self.consistent(),
            self.0.len()
        )
    }
}
