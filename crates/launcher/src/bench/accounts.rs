//! The accounts of a benchmark, and the choice of one for each operation.

use bank_client::AccountName;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Number of accounts if none is given.
const COUNT_DEFAULT: u32 = 200;
/// Most accounts.
pub const COUNT_MAX: u32 = 10_000_000;
/// Exponent of the Zipf distribution: that of YCSB (Cooper et al., Benchmarking Cloud Serving Systems, 2010).
const ZIPF_EXPONENT: f64 = 0.99;

/// Which accounts there are, and how often each is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Accounts {
    /// One account for all operations.
    One,
    /// This number of accounts, each equally often.
    Many(u32),
    /// This number of accounts, by Zipf's law: the k-th is chosen in proportion to k to the power of -0.99.
    Skewed(u32),
}

impl Accounts {
    /// Number of accounts.
    pub fn count(self) -> u32 {
        match self {
            Accounts::One => 1,
            Accounts::Many(count) | Accounts::Skewed(count) => count,
        }
    }
}

impl FromStr for Accounts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("write one, many, many:N, skewed or skewed:N, with N from 2 to {COUNT_MAX}");
        let (word, count) = match text.split_once(':') {
            Some((word, digits)) => (word, Some(digits.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let several = count.unwrap_or(COUNT_DEFAULT);
        let possible = (2..=COUNT_MAX).contains(&several);
        match (word, count) {
            ("one", None) => Ok(Accounts::One),
            ("many", _) if possible => Ok(Accounts::Many(several)),
            ("skewed", _) if possible => Ok(Accounts::Skewed(several)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accounts::One => f.write_str("one"),
            Accounts::Many(count) => write!(f, "many:{count}"),
            Accounts::Skewed(count) => write!(f, "skewed:{count}"),
        }
    }
}

impl TryFrom<String> for Accounts {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Accounts> for String {
    fn from(accounts: Accounts) -> Self {
        accounts.to_string()
    }
}

/// The name of an account, which is numbered from 0.
pub(super) fn name(number: u32) -> AccountName {
    // The text is short, and all its characters are allowed.
    AccountName::new(&format!("bench-{number}")).unwrap_or_else(|_| AccountName::main())
}

/// Chooses accounts. Clones share one table.
#[derive(Debug, Clone)]
pub(super) struct Chooser {
    count: u32,
    /// For skewed accounts, the sum of the weights up to each account. Empty otherwise.
    sums: Arc<[f64]>,
}

impl Chooser {
    pub(super) fn new(accounts: Accounts) -> Self {
        let count = accounts.count();
        let ranked = match accounts {
            Accounts::Skewed(count) => count,
            Accounts::One | Accounts::Many(_) => 0,
        };
        let sums = (1..=ranked).scan(0.0, |sum, rank| {
            *sum += f64::from(rank).powf(-ZIPF_EXPONENT);
            Some(*sum)
        });
        Chooser {
            count,
            sums: sums.collect(),
        }
    }

    /// The number of an account.
    pub(super) fn one(&self, rng: &mut Rng) -> u32 {
        let Some(total) = self.sums.last() else {
            return rng.u32(..self.count);
        };
        let at = rng.f64() * total;
        let chosen = self.sums.partition_point(|sum| *sum <= at);
        u32::try_from(chosen).unwrap_or(u32::MAX).min(self.count - 1)
    }

    /// The numbers of two different accounts. There are at least two.
    pub(super) fn two(&self, rng: &mut Rng) -> (u32, u32) {
        let from = self.one(rng);
        match self.one(rng) {
            to if to == from => (from, (from + 1) % self.count),
            to => (from, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_as_words() {
        for (text, expected, spelled) in [
            ("one", Accounts::One, "one"),
            ("many", Accounts::Many(200), "many:200"),
            ("many:2", Accounts::Many(2), "many:2"),
            ("skewed", Accounts::Skewed(200), "skewed:200"),
            ("skewed:10000000", Accounts::Skewed(10_000_000), "skewed:10000000"),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
            assert_eq!(expected.to_string(), spelled);
        }
        for text in [
            "",
            "one:1",
            "many:",
            "many:1",
            "many:0",
            "many:-1",
            "skewed:10000001",
            "few",
            "many:2:3",
        ] {
            assert!(text.parse::<Accounts>().is_err(), "{text}");
        }
    }

    fn counts(accounts: Accounts, draws: u32) -> Vec<u32> {
        let (chooser, mut rng) = (Chooser::new(accounts), Rng::with_seed(7));
        let mut counts = vec![0; accounts.count() as usize];
        for _ in 0..draws {
            counts[chooser.one(&mut rng) as usize] += 1;
        }
        counts
    }

    #[test]
    fn skewed_accounts_follow_zipfs_law() {
        let counts = counts(Accounts::Skewed(1000), 200_000);
        let total: f64 = (1..=1000).map(|rank| f64::from(rank).powf(-ZIPF_EXPONENT)).sum();
        for rank in [1_u32, 2, 10, 100] {
            let expected = 200_000.0 * f64::from(rank).powf(-ZIPF_EXPONENT) / total;
            let drawn = f64::from(counts[rank as usize - 1]);
            assert!(
                (drawn / expected - 1.0).abs() < 0.2,
                "rank {rank}: {drawn} of {expected:.0}"
            );
        }
    }

    #[test]
    fn many_accounts_are_equally_frequent() {
        let counts = counts(Accounts::Many(10), 100_000);
        assert!(counts.iter().all(|count| (9_000..11_000).contains(count)), "{counts:?}");
        assert_eq!(Chooser::new(Accounts::One).one(&mut Rng::with_seed(1)), 0);
    }

    #[test]
    fn a_transfer_has_two_accounts() {
        let (chooser, mut rng) = (Chooser::new(Accounts::Skewed(2)), Rng::with_seed(7));
        for _ in 0..100 {
            let (from, to) = chooser.two(&mut rng);
            assert_ne!(from, to);
        }
    }
}
