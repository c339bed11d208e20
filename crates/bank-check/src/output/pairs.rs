//! The assignment's own checker, as it computes: it compares the balances of each two adjacent queries, and knows no
//! input. It passes a run whose every balance is 7; its line is printed because people look for it.

use super::{Answer, Reported};
use std::fmt;

/// Two adjacent queries of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The branch of each, where the output names it.
    pub branches: [Option<u32>; 2],
    /// The balance of each.
    pub balances: [i64; 2],
}

impl Pair {
    /// Whether both say the same balance.
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
    /// Finds them. Adjacent is what stands side by side in the output, whoever the customers are.
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

    /// How many of them say the same balance.
    pub fn consistent(&self) -> usize {
        self.0.iter().filter(|pair| pair.is_consistent()).count()
    }
}

/// "19 out of 19 cross-branch query events are correct."
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
