//! Branches and ways between branches as users name them: by number, or as `leader`.

use bank_cluster::network::LinkSet;
use std::str::FromStr;

/// The word for the branch that leads.
const LEADER: &str = "leader";

/// A branch on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BranchName {
    /// The branch with this number.
    Number(u32),
    /// The branch that leads when the command is carried out.
    Leader,
}

/// Ways between branches on a command line, which may name the leader: `leader`, `1-leader`, `all>leader`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ways(String);

impl BranchName {
    /// The number of the branch. `None` if it is the leader and that is not given.
    pub(super) fn number(self, leader: Option<u32>) -> Option<u32> {
        match self {
            BranchName::Number(number) => Some(number),
            BranchName::Leader => leader,
        }
    }
}

impl Ways {
    /// Whether they name the leader.
    pub(super) fn name_leader(&self) -> bool {
        self.0.contains(LEADER)
    }

    /// The links, with this leader.
    ///
    /// # Errors
    /// The ways lead from a branch to itself, or the leader is needed and not given.
    pub(super) fn links(&self, leader: Option<u32>) -> Result<LinkSet, String> {
        match leader {
            Some(leader) => self.0.replace(LEADER, &leader.to_string()).parse(),
            None => self.0.parse(),
        }
    }
}

impl FromStr for BranchName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == LEADER {
            return Ok(BranchName::Leader);
        }
        let number = text.parse().ok().filter(|number| *number > 0);
        number
            .map(BranchName::Number)
            .ok_or_else(|| "write the number of a branch, such as 2, or leader".to_owned())
    }
}

impl FromStr for Ways {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ways = Ways(text.to_owned());
        // Any number stands for the leader, as long as the text does not name it.
        let stand_in = (u32::MAX - 2..=u32::MAX).find(|number| !text.contains(&number.to_string()));
        ways.links(stand_in).map(|_| ways)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_stands_for_its_number() {
        assert_eq!(
            "leader".parse().map(|name: BranchName| name.number(Some(2))),
            Ok(Some(2))
        );
        assert_eq!("7".parse().map(|name: BranchName| name.number(None)), Ok(Some(7)));
        for wrong in ["0", "-1", "x", "Leader", ""] {
            assert!(wrong.parse::<BranchName>().is_err(), "{wrong}");
        }
        for (text, links) in [
            ("leader", LinkSet::Around(2)),
            ("1-leader", LinkSet::Between(1, 2)),
            ("leader>all", LinkSet::From(2)),
            ("1-3", LinkSet::Between(1, 3)),
        ] {
            let ways: Ways = text.parse().expect(text);
            assert_eq!(ways.links(Some(2)), Ok(links), "{text}");
            assert_eq!(ways.name_leader(), text.contains("leader"));
        }
        for wrong in ["leaders", "leader-leader", "1leader", "2-2", ""] {
            assert!(wrong.parse::<Ways>().is_err(), "{wrong}");
        }
        assert!("2-leader".parse::<Ways>().expect("ways").links(Some(2)).is_err());
    }
}
