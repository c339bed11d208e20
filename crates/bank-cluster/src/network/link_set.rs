//! Sets of directions between branches, with their notation on a command line.

use serde::{Deserialize, Serialize};

/// A set of directions between branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkSet {
    /// All directions.
    All,
    /// From this branch and to this branch.
    Around(u32),
    /// To this branch, from all others.
    To(u32),
    /// From this branch, to all others.
    From(u32),
    /// From the first branch to the second.
    OneWay(u32, u32),
    /// Both directions between two branches.
    Between(u32, u32),
}

impl LinkSet {
    /// True if the set contains the direction from `from` to `to`.
    pub fn contains(self, from: u32, to: u32) -> bool {
        match self {
            LinkSet::All => true,
            LinkSet::Around(branch) => from == branch || to == branch,
            LinkSet::To(branch) => to == branch,
            LinkSet::From(branch) => from == branch,
            LinkSet::OneWay(one, other) => (from, to) == (one, other),
            LinkSet::Between(one, other) => (from, to) == (one, other) || (from, to) == (other, one),
        }
    }

    /// The branches that the set names.
    pub fn branches(self) -> impl Iterator<Item = u32> {
        let (one, other) = match self {
            LinkSet::All => (None, None),
            LinkSet::Around(branch) | LinkSet::To(branch) | LinkSet::From(branch) => (Some(branch), None),
            LinkSet::OneWay(one, other) | LinkSet::Between(one, other) => (Some(one), Some(other)),
        };
        one.into_iter().chain(other)
    }

    /// The notation of this set on a command line. `None` for all directions, which have no notation.
    pub fn typed(self) -> Option<String> {
        match self {
            LinkSet::All => None,
            LinkSet::Around(branch) => Some(branch.to_string()),
            LinkSet::To(branch) => Some(format!("all>{branch}")),
            LinkSet::From(branch) => Some(format!("{branch}>all")),
            LinkSet::OneWay(from, to) => Some(format!("{from}>{to}")),
            LinkSet::Between(one, other) => Some(format!("{one}-{other}")),
        }
    }
}

/// Reads the notation of a command line: `2` is from and to branch 2; `1-3` is both directions between branches 1 and
/// 3; `1>3` is from branch 1 to branch 3; `all>3` is from all others to branch 3; `3>all` is from branch 3 to all
/// others. [`LinkSet::typed`] is the inverse.
impl std::str::FromStr for LinkSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|number| digits && *number > 0)
        };
        let one_way = |from: &str, to: &str| match (from, to) {
            ("all", to) => number(to).map(LinkSet::To),
            (from, "all") => number(from).map(LinkSet::From),
            (from, to) => two(number(from), number(to)).map(|(from, to)| LinkSet::OneWay(from, to)),
        };
        let links = match (text.split_once('-'), text.split_once('>')) {
            (Some((one, other)), _) => two(number(one), number(other)).map(|(one, other)| LinkSet::Between(one, other)),
            (None, Some((from, to))) => one_way(from, to),
            (None, None) => number(text).map(LinkSet::Around),
        };
        links.ok_or_else(|| {
            "write 2 (all that goes to and from branch 2), 1-3 (both ways between two) or, in quotes, '1>3' (one way)"
                .to_owned()
        })
    }
}

/// Both numbers, if they are different branches.
fn two(one: Option<u32>, other: Option<u32>) -> Option<(u32, u32)> {
    one.zip(other).filter(|(one, other)| one != other)
}

/// Writes the set in words: `branch 2`, `branches 1 and 3`, `branch 1 to branch 3`.
impl std::fmt::Display for LinkSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LinkSet::All => f.write_str("all branches"),
            LinkSet::Around(branch) => write!(f, "branch {branch}"),
            LinkSet::To(branch) => write!(f, "to branch {branch}"),
            LinkSet::From(branch) => write!(f, "from branch {branch}"),
            LinkSet::OneWay(one, other) => write!(f, "branch {one} to branch {other}"),
            LinkSet::Between(one, other) => write!(f, "branches {one} and {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_as_people_type_them() {
        for (text, expected) in [
            ("2", Some(LinkSet::Around(2))),
            ("1-3", Some(LinkSet::Between(1, 3))),
            ("1>3", Some(LinkSet::OneWay(1, 3))),
            ("all>3", Some(LinkSet::To(3))),
            ("3>all", Some(LinkSet::From(3))),
            ("all>all", None),
            ("all", None),
            ("all-3", None),
            ("all>0", None),
            ("3-3", None),
            ("0", None),
            ("+1", None),
            ("1>", None),
            ("-3", None),
            ("1>2>3", None),
            ("4294967296", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
            if let Some(links) = expected {
                assert_eq!(links.typed().as_deref(), Some(text));
            }
        }
    }
}
