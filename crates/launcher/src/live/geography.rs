//! Regions in which the branches of a live bank stand, as `--geo eu,us,ap` names them. Everything between two regions
//! takes a fixed time. The times are made up: they are in the order of what long lines on the ground have.

use bank_cluster::network::{LinkSet, Network};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Most regions that a user can name: one for each branch with relays.
const NAMED_MAX: usize = bank_cluster::network::BRANCHES_MAX;

/// A region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Region {
    /// Europe.
    Eu,
    /// North America.
    Us,
    /// Asia and the Pacific.
    Ap,
}

/// The regions of the branches. The first branch stands in the first region, and so on, and after the last region the
/// first one follows again. Without regions, all branches stand at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Geography(Vec<Region>);

impl Region {
    fn word(self) -> &'static str {
        match self {
            Region::Eu => "eu",
            Region::Us => "us",
            Region::Ap => "ap",
        }
    }

    /// The time from this region to another one.
    fn distance(self, other: Region) -> Duration {
        let ms = match (self.min(other), self.max(other)) {
            (Region::Eu, Region::Us) => 40,
            (Region::Eu, Region::Ap) => 110,
            (Region::Us, Region::Ap) => 75,
            _ => 0,
        };
        Duration::from_millis(ms)
    }
}

impl Geography {
    /// The region of the branch at this place in the order of the bank's branches. `None` without regions.
    pub(super) fn region(&self, place: usize) -> Option<Region> {
        let turn = place.checked_rem(self.0.len())?;
        self.0.get(turn).copied()
    }

    /// Makes the network between these branches as slow as the regions are far.
    pub(super) fn apply(&self, network: &Network, branches: &[u32]) {
        for (from, &sender) in branches.iter().enumerate() {
            for (to, &receiver) in branches.iter().enumerate() {
                let regions = self.region(from).zip(self.region(to));
                let distance = regions.map_or(Duration::ZERO, |(from, to)| from.distance(to));
                network.set_distance(LinkSet::OneWay(sender, receiver), distance);
            }
        }
    }

    /// Describes the distances in words. `None` if there is no distance.
    pub(super) fn describe(&self) -> Option<String> {
        let regions: BTreeSet<Region> = self.0.iter().copied().collect();
        let pairs = regions
            .iter()
            .flat_map(|one| regions.range(one..).map(move |other| (one, other)));
        let far = pairs.filter(|(one, other)| one != other);
        let told: Vec<String> = far
            .map(|(one, other)| format!("{one}-{other} {:?}", one.distance(*other)))
            .collect();
        (!told.is_empty()).then(|| format!("one way between regions: {}", told.join(", ")))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Geography {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Geography::default());
        }
        let region = |word: &str| {
            [Region::Eu, Region::Us, Region::Ap]
                .into_iter()
                .find(|region| region.word() == word)
        };
        let regions: Option<Vec<Region>> = text.split(',').map(region).collect();
        regions
            .filter(|regions| regions.len() <= NAMED_MAX)
            .map(Geography)
            .ok_or_else(|| "write regions, such as eu,us,ap, or none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_stand_in_the_regions_in_turn() {
        let geography: Geography = "eu,us,ap".parse().expect("regions");
        let regions = [0, 1, 2, 3].map(|place| geography.region(place));
        assert_eq!(
            regions,
            [Some(Region::Eu), Some(Region::Us), Some(Region::Ap), Some(Region::Eu)]
        );
        assert_eq!(
            geography.describe().as_deref(),
            Some("one way between regions: eu-us 40ms, eu-ap 110ms, us-ap 75ms")
        );
        let two: Geography = "us,eu,us".parse().expect("regions");
        assert_eq!(two.describe().as_deref(), Some("one way between regions: eu-us 40ms"));
        let none: Geography = "none".parse().expect("no regions");
        assert_eq!((none.region(0), none.describe()), (None, None));
        for wrong in ["", "eu,", "eu us", "mars", "EU"] {
            assert!(wrong.parse::<Geography>().is_err(), "{wrong}");
        }
    }
}
