//! The network between the branches of a cluster, made of relays so that it can be degraded: one for each branch that opens
//! connections and each that it opens them to. Customers reach branches directly. Branches know nothing of it but the
//! addresses at which they reach each other.
//!
//! It takes a port and a few file descriptors for each direction: it is meant for a handful of branches.

mod link_set;
mod relay;

pub use link_set::LinkSet;
pub use relay::LinkState;

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

    /// Puts these links into a state, from now on.
    pub fn apply(&self, links: LinkSet, state: LinkState) {
        for (&(from, to), direction) in &self.directions {
            if links.contains(from, to) {
                direction.link.set(state);
            }
        }
    }

    /// The links on which bytes do not simply pass, in as few sets as are true; each direction is in one of them.
    pub fn degraded(&self) -> Vec<(LinkSet, LinkState)> {
        let states = self
            .directions
            .iter()
            .map(|(&pair, direction)| (pair, direction.link.state()));
        let mut left: BTreeMap<_, _> = states.filter(|(_, state)| *state != LinkState::Pass).collect();
        let mut told = Vec::new();
        for links in self.widest_first() {
            let pairs: Vec<(u32, u32)> = self.directions(links).collect();
            let Some(&state) = pairs.first().and_then(|first| left.get(first)) else {
                continue;
            };
            if pairs.iter().all(|pair| left.get(pair) == Some(&state)) {
                left.retain(|pair, _| !pairs.contains(pair));
                told.push((links, state));
            }
        }
        told
    }

    fn widest_first(&self) -> Vec<LinkSet> {
        let pairs = || self.directions.keys().copied();
        let branches: BTreeSet<u32> = pairs().map(|(from, _)| from).collect();
        let each = |way: fn(u32) -> LinkSet| branches.iter().copied().map(way);
        let both_ways = pairs().filter(|(from, to)| from < to);
        [LinkSet::All]
            .into_iter()
            .chain(each(LinkSet::Around))
            .chain(each(LinkSet::To))
            .chain(each(LinkSet::From))
            .chain(both_ways.map(|(one, other)| LinkSet::Between(one, other)))
            .chain(pairs().map(|(from, to)| LinkSet::OneWay(from, to)))
            .collect()
    }

    /// The directions that there are, from one branch to another, of these links.
    pub fn directions(&self, links: LinkSet) -> impl Iterator<Item = (u32, u32)> {
        let all = self.directions.keys().copied();
        all.filter(move |&(from, to)| links.contains(from, to))
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

    fn degraded(network: &Network) -> Vec<(u32, u32)> {
        let degraded = network
            .directions
            .iter()
            .filter(|(_, direction)| direction.link.state() != LinkState::Pass);
        degraded.map(|(pair, _)| *pair).collect()
    }

    #[tokio::test]
    async fn each_word_concerns_its_directions() {
        let network = Network::between(&[1, 2, 7]).await.expect("ports");
        assert_eq!(network.via(2).map(|(to, _)| to).collect::<Vec<_>>(), [1, 7]);
        let every = vec![(1, 2), (1, 7), (2, 1), (2, 7), (7, 1), (7, 2)];
        for (links, directions) in [
            (LinkSet::To(7), vec![(1, 7), (2, 7)]),
            (LinkSet::From(7), vec![(7, 1), (7, 2)]),
            (LinkSet::Around(2), vec![(1, 2), (2, 1), (2, 7), (7, 2)]),
            (LinkSet::OneWay(2, 1), vec![(2, 1)]),
            (LinkSet::Between(7, 1), vec![(1, 7), (7, 1)]),
            (LinkSet::Around(9), vec![]),
            (LinkSet::All, every),
        ] {
            network.apply(links, LinkState::Cut);
            assert_eq!(degraded(&network), directions, "{links:?}");
            assert_eq!(network.directions(links).collect::<Vec<_>>(), directions);
            network.apply(links, LinkState::Pass);
            assert_eq!(degraded(&network), []);
        }
        // The last word counts, for each direction.
        network.apply(LinkSet::Around(7), LinkState::Hold);
        network.apply(LinkSet::Between(1, 7), LinkState::Pass);
        assert_eq!(degraded(&network), [(2, 7), (7, 2)]);
    }

    #[tokio::test]
    async fn what_is_degraded_is_told_in_few_sets() {
        let network = Network::between(&[1, 2, 3, 4]).await.expect("ports");
        assert_eq!(network.degraded(), []);
        let late = LinkState::Delay(std::time::Duration::from_millis(5));
        for (links, state) in [
            (LinkSet::Around(2), LinkState::Cut),
            (LinkSet::To(3), LinkState::Hold),
            (LinkSet::Between(1, 4), late),
            (LinkSet::OneWay(4, 3), late),
        ] {
            network.apply(LinkSet::All, LinkState::Pass);
            network.apply(links, state);
            assert_eq!(network.degraded(), [(links, state)]);
        }
        // In part healed, in part overruled.
        network.apply(LinkSet::All, LinkState::Cut);
        network.apply(LinkSet::Around(4), LinkState::Pass);
        network.apply(LinkSet::OneWay(1, 2), LinkState::Hold);
        let told = [
            (LinkSet::Between(1, 3), LinkState::Cut),
            (LinkSet::Between(2, 3), LinkState::Cut),
            (LinkSet::OneWay(1, 2), LinkState::Hold),
            (LinkSet::OneWay(2, 1), LinkState::Cut),
        ];
        assert_eq!(network.degraded(), told);
    }
}
