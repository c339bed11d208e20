//! The address that a connection comes from, and what the connections of one address hold. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use super::id::Id;

/// The part of an IPv6 address that names a network. One host or home usually has all addresses of such a network.
const NETWORK: u128 = !0 << 64;

/// Where a connection comes from: an IPv4 address, or a network of IPv6 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => Ipv6Addr::from(u128::from(address) & NETWORK).into(),
            address => address,
        })
    }
}

/// The connections of each source. A source without connections takes no room.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<Source, OfSource>);

/// The connections of one source.
#[derive(Debug, Default)]
pub(super) struct OfSource {
    /// Unidentified connections, oldest first.
    pub(super) unidentified: BTreeSet<Id>,
    /// Customers' connections without a call in progress, the longest idle first.
    pub(super) idle: BTreeSet<(Instant, Id)>,
    /// Customers' connections.
    pub(super) customers: u32,
}

impl Sources {
    pub(super) fn get(&self, source: Source) -> Option<&OfSource> {
        self.0.get(&source)
    }

    /// Changes what a source has.
    pub(super) fn change<T>(&mut self, source: Source, change: impl FnOnce(&mut OfSource) -> T) -> T {
        let of_source = self.0.entry(source).or_default();
        let changed = change(of_source);
        if of_source.unidentified.is_empty() && of_source.customers == 0 {
            self.0.remove(&source);
        }
        changed
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_alone_and_a_network_of_ipv6_as_one() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().expect("an address"));
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            assert_eq!(source(one) == source(other), same, "{one} {other}");
        }
        for (text, loopback) in [("::1", true), ("127.0.0.9", true), ("::2", false), ("10.0.0.1", false)] {
            assert_eq!(source(text).is_loopback(), loopback, "{text}");
        }
    }
}
