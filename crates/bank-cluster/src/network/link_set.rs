//! Names some of the directions between branches, and reads them as people type them.

/// Some of the directions between branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ways {
    /// All of them.
    All,
    /// From and to this branch.
    Around(u32),
    /// To this branch, from all others.
    To(u32),
    /// From this branch, to all others.
    From(u32),
    /// From the one to the other; the other way is another way.
    OneWay(u32, u32),
    /// Between two branches, both ways.
    Between(u32, u32),
}

impl Ways {
    /// Whether what goes from the one to the other goes one of these ways.
    pub fn include(self, from: u32, to: u32) -> bool {
        match self {
            Ways::All => true,
            Ways::Around(branch) => from == branch || to == branch,
            Ways::To(branch) => to == branch,
            Ways::From(branch) => from == branch,
            Ways::OneWay(one, other) => (from, to) == (one, other),
            Ways::Between(one, other) => (from, to) == (one, other) || (from, to) == (other, one),
        }
    }

    /// The branches that are named.
    pub fn named(self) -> impl Iterator<Item = u32> {
        let (one, other) = match self {
            Ways::All => (None, None),
            Ways::Around(branch) | Ways::To(branch) | Ways::From(branch) => (Some(branch), None),
            Ways::OneWay(one, other) | Ways::Between(one, other) => (Some(one), Some(other)),
        };
        one.into_iter().chain(other)
    }
}

/// `2`: from and to branch 2; `1-3`: both ways between branches 1 and 3; `1>3`: from 1 to 3 only.
impl std::str::FromStr for Ways {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|number| digits && *number > 0)
        };
        let pair = |separator: char| {
            let (one, other) = text.split_once(separator)?;
            Some((number(one)?, number(other)?)).filter(|(one, other)| one != other)
        };
        let ways = number(text)
            .map(Ways::Around)
            .or_else(|| pair('-').map(|(one, other)| Ways::Between(one, other)))
            .or_else(|| pair('>').map(|(one, other)| Ways::OneWay(one, other)));
        ways.ok_or_else(|| {
            "write 2 (all that goes to and from branch 2), 1-3 (both ways between two) or, in quotes, '1>3' (one way)"
                .to_owned()
        })
    }
}

/// `branch 2`, `branches 1 and 3`, `branch 1 to branch 3`.
impl std::fmt::Display for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ways::All => f.write_str("all branches"),
            Ways::Around(branch) => write!(f, "branch {branch}"),
            Ways::To(branch) => write!(f, "to branch {branch}"),
            Ways::From(branch) => write!(f, "from branch {branch}"),
            Ways::OneWay(one, other) => write!(f, "branch {one} to branch {other}"),
            Ways::Between(one, other) => write!(f, "branches {one} and {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_in_words() {
        for (text, expected) in [
            ("2", Some(Ways::Around(2))),
            ("1-3", Some(Ways::Between(1, 3))),
            ("1>3", Some(Ways::OneWay(1, 3))),
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
        }
    }
}
