//! The network between the branches of a cluster. It consists of relays, one for each ordered pair of branches, so that
//! it can be degraded. A branch is told the addresses of its relays as the addresses of the other branches. Customers
//! reach branches directly.
//!
//! Each relay takes a port and a few file descriptors, so this network is for a small number of branches.

mod link_set;
mod relay;

pub use link_set::LinkSet;
pub use relay::LinkState;

use relay::{Link, Relay};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Largest number of branches with relays. 16 branches have 240 directions. Each takes a port and, while connections
/// are open, about four file descriptors of this process.
pub const BRANCHES_MAX: usize = 16;

/// All directions between the branches of a cluster. The last state that was applied to a direction counts. A branch
/// that does not exist has no directions.
#[derive(Debug)]
pub struct Network {
    /// The key is the sender and the receiver.
    directions: BTreeMap<(u32, u32), Direction>,
}

#[derive(Debug)]
struct Direction {
    /// State of the bytes from the sender to the receiver, on the connections of either.
    link: Link,
    /// Relay for the connections that the sender opens to the receiver.
    relay: Relay,
}

impl Network {
    /// A network between these branches. Connections wait until [`Network::listens`] has named the address of the
    /// receiver; then everything passes.
    ///
    /// # Errors
    /// There are not enough ports or file descriptors.
    pub async fn between(branches: &[u32]) -> io::Result<Self> {
        // A failure is ignored: the present limit may be enough, and opening a relay fails otherwise.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
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

    /// The relay's address for each branch that this one reaches.
    pub fn via(&self, from: u32) -> impl Iterator<Item = (u32, SocketAddr)> {
        let own = self.directions.iter().filter(move |((other, _), _)| *other == from);
        own.map(|((_, to), direction)| (*to, direction.relay.address()))
    }

    /// Sets the address of a branch: connections to the branch lead there from now on.
    pub fn listens(&self, branch: u32, address: SocketAddr) {
        for ((_, to), direction) in &self.directions {
            if *to == branch {
                direction.relay.lead_to(address);
            }
        }
    }

    /// Sets the state of these links.
    pub fn apply(&self, links: LinkSet, state: LinkState) {
        for (&(from, to), direction) in &self.directions {
            if links.contains(from, to) {
                direction.link.set(state);
            }
        }
    }

    /// Sets the time that everything takes on these links, which is zero at first. It is no fault: links that pass
    /// have it too, and a delay is added to it.
    pub fn set_distance(&self, links: LinkSet, distance: Duration) {
        for (&(from, to), direction) in &self.directions {
            if links.contains(from, to) {
                direction.link.set_distance(distance);
            }
        }
    }

    /// True if messages reach `to` from `from`, maybe late. Also true for a direction that does not exist.
    pub fn passes(&self, from: u32, to: u32) -> bool {
        let state = self.directions.get(&(from, to)).map(|direction| direction.link.state());
        !matches!(state, Some(LinkState::Hold | LinkState::Cut))
    }

    /// The links that are degraded, with their states, in as few sets as possible. Each direction is in at most one
    /// set.
    pub fn degraded(&self) -> Vec<(LinkSet, LinkState)> {
        let states = self
            .directions
            .iter()
            .map(|(&pair, direction)| (pair, direction.link.state()));
        let mut left: BTreeMap<_, _> = states.filter(|(_, state)| *state != LinkState::Pass).collect();
        let mut sets = Vec::new();
        for links in self.widest_first() {
            let pairs: Vec<(u32, u32)> = self.directions(links).collect();
            let Some(&state) = pairs.first().and_then(|first| left.get(first)) else {
                continue;
            };
            if pairs.iter().all(|pair| left.get(pair) == Some(&state)) {
                left.retain(|pair, _| !pairs.contains(pair));
                sets.push((links, state));
            }
        }
        sets
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

    /// The directions of these links, as pairs of sender and receiver.
    pub fn directions(&self, links: LinkSet) -> impl Iterator<Item = (u32, u32)> {
        let all = self.directions.keys().copied();
        all.filter(move |&(from, to)| links.contains(from, to))
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
    async fn a_state_applies_to_the_directions_of_its_links() {
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
        assert!(network.passes(1, 2) && network.passes(1, 99));
        // For each direction the last state counts.
        network.apply(LinkSet::Around(7), LinkState::Hold);
        network.apply(LinkSet::Between(1, 7), LinkState::Pass);
        assert_eq!(degraded(&network), [(2, 7), (7, 2)]);
        assert!(!network.passes(2, 7));
        // A distance is no fault.
        network.set_distance(LinkSet::Between(1, 2), Duration::from_millis(40));
        assert_eq!(degraded(&network), [(2, 7), (7, 2)]);
    }

    #[tokio::test]
    async fn degraded_links_are_reported_in_few_sets() {
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
        // Some links are healed, and one has another state.
        network.apply(LinkSet::All, LinkState::Cut);
        network.apply(LinkSet::Around(4), LinkState::Pass);
        network.apply(LinkSet::OneWay(1, 2), LinkState::Hold);
        let expected = [
            (LinkSet::Between(1, 3), LinkState::Cut),
            (LinkSet::Between(2, 3), LinkState::Cut),
            (LinkSet::OneWay(1, 2), LinkState::Hold),
            (LinkSet::OneWay(2, 1), LinkState::Cut),
        ];
        assert_eq!(network.degraded(), expected);
    }
}
