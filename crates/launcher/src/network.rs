//! The network between the branches of a cluster, made of relays so that it can be bent: one for each branch that opens
//! connections and each that it opens them to. Customers reach branches directly. Branches know nothing of it but the
//! addresses at which they reach each other.
//!
//! It takes a port and a few file descriptors for each direction: it is meant for a handful of branches.

use crate::relay::{Link, Passage, Relay};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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

    /// What is sent to this branch is held back, on whosever connection.
    pub fn hold_to(&self, branch: u32) {
        self.set(Passage::Hold, |_, to| to == branch);
    }

    /// What was held back goes on, in order.
    pub fn release(&self, branch: u32) {
        self.set(Passage::Pass, |_, to| to == branch);
    }

    /// What goes from one branch to another arrives this much later.
    pub fn delay(&self, from: u32, to: u32, by: Duration) {
        self.set(Passage::Delay(by), |one, other| (one, other) == (from, to));
    }

    /// Nothing goes from one branch to another, replies included; the other way still works.
    pub fn cut_one_way(&self, from: u32, to: u32) {
        self.set(Passage::Cut, |one, other| (one, other) == (from, to));
    }

    /// Nothing goes between two branches.
    pub fn cut(&self, one: u32, other: u32) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Nothing goes from or to this branch.
    pub fn cut_off(&self, branch: u32) {
        self.set(Passage::Cut, |from, to| from == branch || to == branch);
    }

    /// Everything passes everywhere.
    pub fn heal(&self) {
        self.set(Passage::Pass, |_, _| true);
    }

    fn set(&self, passage: Passage, chosen: impl Fn(u32, u32) -> bool) {
        for (&(from, to), direction) in &self.directions {
            if chosen(from, to) {
                direction.link.set(passage);
            }
        }
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
        network.hold_to(7);
        assert_eq!(bent(&network), [(1, 7), (2, 7)]);
        network.release(7);
        network.delay(2, 1, Duration::from_millis(1));
        assert_eq!(bent(&network), [(2, 1)]);
        network.heal();
        network.cut_one_way(1, 2);
        assert_eq!(bent(&network), [(1, 2)]);
        network.cut(7, 1);
        assert_eq!(bent(&network), [(1, 2), (1, 7), (7, 1)]);
        network.heal();
        network.cut_off(2);
        assert_eq!(bent(&network), [(1, 2), (2, 1), (2, 7), (7, 2)]);
        network.cut_off(9);
        network.heal();
        assert_eq!(bent(&network), []);
    }
}
