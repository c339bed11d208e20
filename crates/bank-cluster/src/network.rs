//! The network between the branches of a cluster, made of relays so that it can be bent: one for each branch that opens
//! connections and each that it opens them to. Customers reach branches directly. Branches know nothing of it but the
//! addresses at which they reach each other.
//!
//! It takes a port and a few file descriptors for each direction: it is meant for a handful of branches.

mod link_set;
mod relay;

pub use link_set::Ways;
pub use relay::Passage;

use relay::{Link, Relay};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

/// More branches than this get no network of relays: 16 have 240 directions, each with a port and, while connections are
/// open, some four file descriptors in this process.
pub const BRANCHES_MAX: usize = 16;
/// So many files may this process have open for that many branches, where the host lets it. macOS begins with 256, and
/// takes no more than 10240.
const OPEN_FILES: u64 = 4096;

/// All directions between the branches of a cluster. Of what is said about one direction, the last word counts; a branch
/// that does not exist has no directions.
#[derive(Debug)]
pub struct Network {
    /// By from and to.
    directions: BTreeMap<(u32, u32), Direction>,
}

#[derive(Debug)]
struct Direction {
    /// What goes from one to the other, on whosever connection.
    link: Link,
    /// The connections that the one opens to the other.
    relay: Relay,
}

impl Network {
    /// Between these branches; everything passes, once it is known where they listen.
    ///
    /// # Errors
    /// There are not enough ports or file descriptors.
    pub async fn between(branches: &[u32]) -> io::Result<Self> {
        allow_open_files();
        let pairs = branches
            .iter()
            .flat_map(|&from| branches.iter().map(move |&to| (from, to)));
        let pairs = pairs.filter(|(from, to)| from != to);
        let links: BTreeMap<(u32, u32), Link> = pairs.map(|pair| (pair, Link::default())).collect();
        let mut directions = BTreeMap::new();
        for (&(from, to), link) in &links {
            let back = links.get(&(to, from)).cloned().unwrap_or_default();
            let relay = Relay::open(link.clone(), back).await?;
            let link = link.clone();
            directions.insert((from, to), Direction { link, relay });
        }
        Ok(Network { directions })
    }

    /// Where a branch has to reach each of the others.
    pub fn via(&self, from: u32) -> impl Iterator<Item = (u32, SocketAddr)> {
        let own = self.directions.iter().filter(move |((other, _), _)| *other == from);
        own.map(|((_, to), direction)| (*to, direction.relay.address()))
    }

    /// A branch listens here.
    pub fn listens(&self, branch: u32, address: SocketAddr) {
        for ((_, to), direction) in &self.directions {
            if *to == branch {
                direction.relay.lead_to(address);
            }
        }
    }

    /// From now on, bytes that go these ways fare so.
    pub fn bend(&self, ways: Ways, passage: Passage) {
        for (&(from, to), direction) in &self.directions {
            if ways.include(from, to) {
                direction.link.set(passage);
            }
        }
    }

    /// What does not simply pass, in as few words as are true; each direction stands in one of them.
    pub fn bent(&self) -> Vec<(Ways, Passage)> {
        let passages = self
            .directions
            .iter()
            .map(|(&pair, direction)| (pair, direction.link.passage()));
        let mut left: BTreeMap<_, _> = passages.filter(|(_, passage)| *passage != Passage::Pass).collect();
        let mut told = Vec::new();
        for ways in self.wide_first() {
            let pairs: Vec<(u32, u32)> = self.directions(ways).collect();
            let Some(&passage) = pairs.first().and_then(|first| left.get(first)) else {
                continue;
            };
            if pairs.iter().all(|pair| left.get(pair) == Some(&passage)) {
                left.retain(|pair, _| !pairs.contains(pair));
                told.push((ways, passage));
            }
        }
        told
    }

    fn wide_first(&self) -> Vec<Ways> {
        let pairs = || self.directions.keys().copied();
        let branches: BTreeSet<u32> = pairs().map(|(from, _)| from).collect();
        let each = |way: fn(u32) -> Ways| branches.iter().copied().map(way);
        let both_ways = pairs().filter(|(from, to)| from < to);
        [Ways::All]
            .into_iter()
            .chain(each(Ways::Around))
            .chain(each(Ways::To))
            .chain(each(Ways::From))
            .chain(both_ways.map(|(one, other)| Ways::Between(one, other)))
            .chain(pairs().map(|(from, to)| Ways::OneWay(from, to)))
            .collect()
    }

    /// The directions that there are, from one branch to another, of these ways.
    pub fn directions(&self, ways: Ways) -> impl Iterator<Item = (u32, u32)> {
        let all = self.directions.keys().copied();
        all.filter(move |&(from, to)| ways.include(from, to))
    }
}

/// Where it cannot be, there may still be enough; where there are not, whoever needs one more says so.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                ..limit
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bent(network: &Network) -> Vec<(u32, u32)> {
        let bent = network
            .directions
            .iter()
            .filter(|(_, direction)| direction.link.passage() != Passage::Pass);
        bent.map(|(pair, _)| *pair).collect()
    }

    #[tokio::test]
    async fn each_word_concerns_its_directions() {
        let network = Network::between(&[1, 2, 7]).await.expect("ports");
        assert_eq!(network.via(2).map(|(to, _)| to).collect::<Vec<_>>(), [1, 7]);
        let every = vec![(1, 2), (1, 7), (2, 1), (2, 7), (7, 1), (7, 2)];
        for (ways, directions) in [
            (Ways::To(7), vec![(1, 7), (2, 7)]),
            (Ways::From(7), vec![(7, 1), (7, 2)]),
            (Ways::Around(2), vec![(1, 2), (2, 1), (2, 7), (7, 2)]),
            (Ways::OneWay(2, 1), vec![(2, 1)]),
            (Ways::Between(7, 1), vec![(1, 7), (7, 1)]),
            (Ways::Around(9), vec![]),
            (Ways::All, every),
        ] {
            network.bend(ways, Passage::Cut);
            assert_eq!(bent(&network), directions, "{ways:?}");
            assert_eq!(network.directions(ways).collect::<Vec<_>>(), directions);
            network.bend(ways, Passage::Pass);
            assert_eq!(bent(&network), []);
        }
        // The last word counts, for each direction.
        network.bend(Ways::Around(7), Passage::Hold);
        network.bend(Ways::Between(1, 7), Passage::Pass);
        assert_eq!(bent(&network), [(2, 7), (7, 2)]);
    }

    #[tokio::test]
    async fn what_is_bent_is_told_in_few_words() {
        let network = Network::between(&[1, 2, 3, 4]).await.expect("ports");
        assert_eq!(network.bent(), []);
        let late = Passage::Delay(std::time::Duration::from_millis(5));
        for (ways, passage) in [
            (Ways::Around(2), Passage::Cut),
            (Ways::To(3), Passage::Hold),
            (Ways::Between(1, 4), late),
            (Ways::OneWay(4, 3), late),
        ] {
            network.bend(Ways::All, Passage::Pass);
            network.bend(ways, passage);
            assert_eq!(network.bent(), [(ways, passage)]);
        }
        // In part healed, in part overruled.
        network.bend(Ways::All, Passage::Cut);
        network.bend(Ways::Around(4), Passage::Pass);
        network.bend(Ways::OneWay(1, 2), Passage::Hold);
        let told = [
            (Ways::Between(1, 3), Passage::Cut),
            (Ways::Between(2, 3), Passage::Cut),
            (Ways::OneWay(1, 2), Passage::Hold),
            (Ways::OneWay(2, 1), Passage::Cut),
        ];
        assert_eq!(network.bent(), told);
    }
}
