//! Decides which connections may be open. Pure: it does no I/O, and time is an argument.
//!
//! A new connection takes one of the few places for unidentified connections. Once its caller is identified, it takes a
//! place of the caller's kind. Some places are reserved for branches and operators. Branches and operators may also
//! take the place of a customer. The connections of one address have a part of the places.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bank_auth::Audience;

use super::id::Id;
use super::source::{Source, Sources};

/// The smallest limit on connections that a branch works with.
pub(crate) const CONNECTIONS_MIN: u32 = 32;
/// The largest limit on connections. An idle connection costs about 20 KB, so 4,096 of them cost 80 MB.
pub(crate) const CONNECTIONS_MAX: u32 = 4096;
/// One place in 8 is for unidentified connections, one in 4 is reserved for branches, and at most 16 are reserved for
/// operators. Customers have the other places. If branches have a listener of their own, it has their places, and half
/// of those for unidentified connections.
const UNIDENTIFIED_PART: u32 = 8;
const BRANCHES_PART: u32 = 4;
const OPERATORS: u32 = 16;
/// How many of the customers' places the connections of one address may have: one in 4. Many customers may share an
/// address, and one address cannot take all places.
const CUSTOMERS_PER_ADDRESS_PART: u32 = 4;
/// How many of the places for unidentified connections those of one address may have: one in 2. They hold a place for
/// one round trip, so a burst of customers that share an address needs many.
const UNIDENTIFIED_PER_ADDRESS_PART: u32 = 2;

/// How many connections of each kind there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Unidentified connections.
    unidentified: u32,
    /// Connections of customers.
    customers: u32,
    /// Identified connections in all.
    known: u32,
    per_address: PerAddress,
}

/// How many connections of each kind one address may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PerAddress {
    unidentified: u32,
    customers: u32,
    /// Whether the limits hold for loopback addresses. All customers on this host have the same one.
    loopback: bool,
}

impl Limits {
    /// The limits with this number of customers' connections for each address, loopback addresses too.
    pub(crate) fn per_address(self, connections: u32) -> Self {
        let per_address = PerAddress {
            unidentified: connections.min(self.unidentified),
            customers: connections.min(self.customers),
            loopback: true,
        };
        Self { per_address, ..self }
    }

    /// The limits of a listener, for this number of connections at all listeners together.
    pub(crate) fn of(connections: u32, audience: Audience) -> Self {
        let connections = connections.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
        let unidentified = connections / UNIDENTIFIED_PART;
        let branches = connections / BRANCHES_PART;
        let operators = OPERATORS.min(connections / UNIDENTIFIED_PART);
        let customers = connections - unidentified - branches - operators;
        let (unidentified, customers, known) = match audience {
            Audience::All => (unidentified, customers, customers + operators + branches),
            Audience::Clients => (unidentified / 2, customers, customers + operators),
            Audience::Branches => (unidentified / 2, 0, branches),
        };
        Self {
            unidentified,
            customers,
            known,
            per_address: PerAddress {
                unidentified: (unidentified / UNIDENTIFIED_PER_ADDRESS_PART).max(1),
                customers: customers / CUSTOMERS_PER_ADDRESS_PART,
                loopback: false,
            },
        }
    }

    #[cfg(test)]
    pub(crate) fn customers(&self) -> u32 {
        self.customers
    }
}

/// The kind of an identified caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Customer,
    /// A branch or an operator, which has proved to have the bank's secret.
    Trusted,
}

/// A connection to close. `W` is the value that closes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed<W> {
    pub(crate) connection: W,
    /// How long the connection had no call.
    pub(crate) idle: Duration,
}

/// The decision on a connection whose caller has been identified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission<W> {
    Admitted,
    /// The new connection takes the place of this one.
    InPlaceOf(Closed<W>),
    /// There is no place. The new connection has also lost its place among the unidentified ones.
    NoRoom,
}

#[derive(Debug)]
struct Entry<W> {
    connection: W,
    source: Source,
    kind: Option<Kind>,
    /// When the connection was opened or identified, or when its last call ended.
    since: Instant,
    calls: u32,
}

/// All open connections.
#[derive(Debug)]
pub(crate) struct Places<W> {
    limits: Limits,
    arrivals: u64,
    all: BTreeMap<Id, Entry<W>>,
    /// Unidentified connections, oldest first.
    unidentified: BTreeSet<Id>,
    /// Customers' connections without a call in progress, the longest idle first.
    idle: BTreeSet<(Instant, Id)>,
    customers: u32,
    sources: Sources,
}

impl<W> Places<W> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            arrivals: 0,
            all: BTreeMap::new(),
            unidentified: BTreeSet::new(),
            idle: BTreeSet::new(),
            customers: 0,
            sources: Sources::default(),
        }
    }

    /// Gives a place to a new connection. If too many connections are unidentified, the oldest of them is closed. If too
    /// many of the same address are, it is the oldest of those.
    pub(crate) fn arrive(&mut self, connection: W, source: Source, now: Instant) -> (Id, Option<Closed<W>>) {
        let full = self.count(self.unidentified.len()) >= self.limits.unidentified;
        let own = self.sources.get(source).filter(|_| self.is_limited(source));
        let own = own.filter(|own| self.count(own.unidentified.len()) >= self.limits.per_address.unidentified);
        let first = match own {
            Some(own) => own.unidentified.first(),
            None => self.unidentified.first().filter(|_| full),
        };
        let closed = first.copied().and_then(|first| self.close(first, now));
        let id = Id(self.arrivals);
        self.arrivals += 1;
        self.unidentified.insert(id);
        self.sources.change(source, |own| own.unidentified.insert(id));
        let entry = Entry {
            connection,
            source,
            kind: None,
            since: now,
            calls: 0,
        };
        self.all.insert(id, entry);
        (id, closed)
    }

    /// Whether more than half of the places for unidentified connections are taken.
    pub(crate) fn is_crowded(&self) -> bool {
        2 * self.count(self.unidentified.len()) > self.limits.unidentified
    }

    /// Gives an identified connection a place of its kind. If there is none, the customer that was idle for longest is
    /// closed. If an address has too many customers, it is the idlest of those.
    pub(crate) fn admit(&mut self, id: Id, kind: Kind, now: Instant) -> Admission<W> {
        if !self.unidentified.remove(&id) {
            return Admission::NoRoom;
        }
        let Some(source) = self.all.get(&id).map(|entry| entry.source) else {
            return Admission::NoRoom;
        };
        self.sources.change(source, |own| own.unidentified.remove(&id));
        let known = self.count(self.all.len() - self.unidentified.len() - 1);
        let full = match kind {
            Kind::Customer => self.customers >= self.limits.customers || known >= self.limits.known,
            Kind::Trusted => known >= self.limits.known,
        };
        let own = self
            .sources
            .get(source)
            .filter(|_| kind == Kind::Customer && self.is_limited(source));
        let own = own.filter(|own| own.customers >= self.limits.per_address.customers);
        let mut admission = Admission::Admitted;
        if full || own.is_some() {
            let idlest = own.map_or(&self.idle, |own| &own.idle).first().copied();
            match idlest.and_then(|(_, idlest)| self.close(idlest, now)) {
                Some(closed) => admission = Admission::InPlaceOf(closed),
                None => {
                    self.all.remove(&id);
                    return Admission::NoRoom;
                }
            }
        }
        if let Some(entry) = self.all.get_mut(&id) {
            entry.kind = Some(kind);
            entry.since = now;
            let idle = entry.calls == 0;
            if kind == Kind::Customer {
                self.customers += 1;
                self.sources.change(source, |own| own.customers += 1);
                if idle {
                    self.set_idle(source, now, id);
                }
            }
        }
        admission
    }

    /// Records that a call begins on a connection.
    pub(crate) fn begin(&mut self, id: Id) {
        if let Some(entry) = self.all.get_mut(&id) {
            entry.calls += 1;
            let (source, since) = (entry.source, entry.since);
            self.set_busy(source, since, id);
        }
    }

    /// Records that a call has ended on a connection.
    pub(crate) fn end(&mut self, id: Id, now: Instant) {
        let Some(entry) = self.all.get_mut(&id).filter(|entry| entry.calls > 0) else {
            return;
        };
        entry.calls -= 1;
        entry.since = now;
        if entry.calls == 0 && entry.kind == Some(Kind::Customer) {
            let source = entry.source;
            self.set_idle(source, now, id);
        }
    }

    /// Closes every connection for which `is_stalled` returns true.
    pub(crate) fn close_stalled(&mut self, now: Instant, mut is_stalled: impl FnMut(&mut W) -> bool) -> Vec<Closed<W>> {
        let all = self.all.iter_mut();
        let stuck: Vec<Id> = all
            .filter_map(|(id, entry)| is_stalled(&mut entry.connection).then_some(*id))
            .collect();
        stuck.into_iter().filter_map(|id| self.close(id, now)).collect()
    }

    /// Records that a connection is closed.
    pub(crate) fn leave(&mut self, id: Id) {
        self.remove(id);
    }

    fn close(&mut self, id: Id, now: Instant) -> Option<Closed<W>> {
        let entry = self.remove(id)?;
        Some(Closed {
            idle: now.saturating_duration_since(entry.since),
            connection: entry.connection,
        })
    }

    fn remove(&mut self, id: Id) -> Option<Entry<W>> {
        let entry = self.all.remove(&id)?;
        self.unidentified.remove(&id);
        self.set_busy(entry.source, entry.since, id);
        let customer = entry.kind == Some(Kind::Customer);
        self.customers -= u32::from(customer);
        self.sources.change(entry.source, |own| {
            own.unidentified.remove(&id);
            own.customers -= u32::from(customer);
        });
        Some(entry)
    }

    fn set_idle(&mut self, source: Source, since: Instant, id: Id) {
        self.idle.insert((since, id));
        self.sources.change(source, |own| own.idle.insert((since, id)));
    }

    fn set_busy(&mut self, source: Source, since: Instant, id: Id) {
        self.idle.remove(&(since, id));
        self.sources.change(source, |own| own.idle.remove(&(since, id)));
    }

    /// Whether the limits of one address hold for this one.
    fn is_limited(&self, source: Source) -> bool {
        self.limits.per_address.loopback || !source.is_loopback()
    }

    fn count(&self, len: usize) -> u32 {
        u32::try_from(len).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    const LIMITS: Limits = Limits {
        unidentified: 3,
        customers: 4,
        known: 8,
        per_address: PerAddress {
            unidentified: 2,
            customers: 2,
            loopback: false,
        },
    };

    fn source(last: u8) -> Source {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn here() -> Source {
        IpAddr::from([127, 0, 0, 1]).into()
    }

    struct Test {
        places: Places<&'static str>,
        began: Instant,
    }

    impl Test {
        fn new() -> Self {
            Self {
                places: Places::new(LIMITS),
                began: Instant::now(),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.began + Duration::from_secs(seconds)
        }

        /// Opens a connection and identifies its caller at once.
        fn comes(&mut self, name: &'static str, kind: Kind, at: u64) -> (Id, Admission<&'static str>) {
            let now = self.at(at);
            self.comes_from(here(), name, kind, now)
        }

        fn comes_from(
            &mut self,
            source: Source,
            name: &'static str,
            kind: Kind,
            now: Instant,
        ) -> (Id, Admission<&'static str>) {
            let (id, closed) = self.places.arrive(name, source, now);
            assert_eq!(closed, None);
            (id, self.places.admit(id, kind, now))
        }
    }

    fn closed(connection: &'static str, seconds: u64) -> Closed<&'static str> {
        Closed {
            connection,
            idle: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn places_are_kept_for_branches_and_operators() {
        // (connections in all, unidentified, customers, known)
        for (all, audience, unidentified, customers, known) in [
            (0, Audience::All, 4, 16, 28),
            (32, Audience::All, 4, 16, 28),
            (900, Audience::All, 112, 547, 788),
            (4096, Audience::All, 512, 2544, 3584),
            (u32::MAX, Audience::All, 512, 2544, 3584),
            (32, Audience::Clients, 2, 16, 20),
            (32, Audience::Branches, 2, 0, 8),
            (4096, Audience::Clients, 256, 2544, 2560),
            (4096, Audience::Branches, 256, 0, 1024),
        ] {
            let limits = Limits::of(all, audience);
            assert_eq!(
                (limits.unidentified, limits.customers, limits.known),
                (unidentified, customers, known),
                "{all} {audience:?}"
            );
        }
    }

    #[test]
    fn one_address_has_a_part_of_the_places() {
        let of = |limits: Limits| {
            let PerAddress {
                unidentified,
                customers,
                loopback,
            } = limits.per_address;
            (unidentified, customers, loopback)
        };
        let most = Limits::of(4096, Audience::All);
        assert_eq!(of(most), (256, 636, false));
        assert_eq!(of(Limits::of(32, Audience::All)), (2, 4, false));
        assert_eq!(of(Limits::of(32, Audience::Branches)), (1, 0, false));
        assert_eq!(of(most.per_address(9)), (9, 9, true));
        assert_eq!(of(most.per_address(u32::MAX)), (512, 2544, true));
    }

    #[test]
    fn an_address_with_too_many_customers_loses_the_idlest_of_its_own() {
        let mut test = Test::new();
        test.comes("here", Kind::Customer, 0);
        let (busy, _) = test.comes_from(source(1), "busy", Kind::Customer, test.at(1));
        test.places.begin(busy);
        let (idle, _) = test.comes_from(source(1), "idle", Kind::Customer, test.at(2));
        let third = test.comes_from(source(1), "third", Kind::Customer, test.at(5));
        assert_eq!(third.1, Admission::InPlaceOf(closed("idle", 3)));
        test.places.begin(third.0);
        let fourth = test.comes_from(source(1), "fourth", Kind::Customer, test.at(6));
        assert_eq!(fourth.1, Admission::NoRoom, "both have a call");
        // Another address, and those who have proved who they are, have room.
        for (from, kind) in [(source(2), Kind::Customer), (source(1), Kind::Trusted)] {
            assert_eq!(test.comes_from(from, "other", kind, test.at(7)).1, Admission::Admitted);
        }
        test.places.leave(busy);
        test.places.leave(idle);
        let again = test.comes_from(source(1), "again", Kind::Customer, test.at(8));
        assert_eq!(again.1, Admission::Admitted);
    }

    #[test]
    fn an_address_with_too_many_unidentified_connections_loses_the_oldest_of_its_own() {
        let mut test = Test::new();
        let now = test.at(1);
        assert_eq!(test.places.arrive("other", source(2), test.at(0)).1, None);
        assert_eq!(test.places.arrive("first", source(1), now).1, None);
        assert_eq!(test.places.arrive("second", source(1), now).1, None);
        let third = test.places.arrive("third", source(1), test.at(3));
        assert_eq!(third.1, Some(closed("first", 2)));
        let other = test.places.arrive("another", source(2), test.at(3));
        assert_eq!(other.1, Some(closed("other", 3)), "the oldest of all");
    }

    #[test]
    fn the_customer_idle_for_longest_makes_room_and_one_with_a_call_does_not() {
        let mut test = Test::new();
        let (busy, _) = test.comes("busy", Kind::Customer, 0);
        test.places.begin(busy);
        let (asked, _) = test.comes("asked", Kind::Customer, 1);
        test.comes("idle", Kind::Customer, 2);
        test.comes("fresh", Kind::Customer, 6);
        test.places.begin(asked);
        test.places.end(asked, test.at(5));
        assert_eq!(
            test.comes("a", Kind::Customer, 9).1,
            Admission::InPlaceOf(closed("idle", 7))
        );
        assert_eq!(
            test.comes("b", Kind::Customer, 9).1,
            Admission::InPlaceOf(closed("asked", 4))
        );
        assert_eq!(
            test.comes("c", Kind::Customer, 9).1,
            Admission::InPlaceOf(closed("fresh", 3))
        );
        test.places.end(busy, test.at(10));
        assert_eq!(
            test.comes("d", Kind::Customer, 10).1,
            Admission::InPlaceOf(closed("a", 1))
        );
    }

    #[test]
    fn if_no_customer_is_idle_a_new_one_finds_no_room_and_a_branch_does() {
        let mut test = Test::new();
        for _ in 0..LIMITS.customers {
            let (id, admission) = test.comes("busy", Kind::Customer, 0);
            assert_eq!(admission, Admission::Admitted);
            test.places.begin(id);
        }
        assert_eq!(test.comes("one more", Kind::Customer, 1).1, Admission::NoRoom);
        for _ in LIMITS.customers..LIMITS.known {
            assert_eq!(test.comes("branch", Kind::Trusted, 1).1, Admission::Admitted);
        }
        assert_eq!(test.comes("branch", Kind::Trusted, 1).1, Admission::NoRoom);
    }

    #[test]
    fn branches_take_customers_places_and_never_lose_theirs() {
        let mut test = Test::new();
        for _ in 0..LIMITS.customers {
            test.comes("customer", Kind::Customer, 0);
        }
        for _ in LIMITS.customers..LIMITS.known {
            assert_eq!(test.comes("branch", Kind::Trusted, 1).1, Admission::Admitted);
        }
        for _ in 0..LIMITS.customers {
            let taken = test.comes("branch", Kind::Trusted, 2).1;
            assert_eq!(taken, Admission::InPlaceOf(closed("customer", 2)));
        }
        assert_eq!(test.comes("customer", Kind::Customer, 3).1, Admission::NoRoom);
    }

    #[test]
    fn unidentified_connections_make_room_for_each_other_only() {
        let mut test = Test::new();
        for _ in 0..LIMITS.customers {
            test.comes("customer", Kind::Customer, 0);
        }
        let (first, _) = test.places.arrive("first", here(), test.at(1));
        assert!(!test.places.is_crowded());
        test.places.arrive("second", here(), test.at(2));
        assert!(test.places.is_crowded());
        test.places.arrive("third", here(), test.at(3));
        let (branch, gone) = test.places.arrive("branch", here(), test.at(4));
        assert_eq!(gone, Some(closed("first", 3)));
        assert_eq!(test.places.admit(first, Kind::Trusted, test.at(4)), Admission::NoRoom);
        assert_eq!(
            test.places.admit(branch, Kind::Trusted, test.at(4)),
            Admission::Admitted
        );
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Arrive(u8),
        Settle(usize, bool),
        Begin(usize),
        End(usize),
        Leave(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let who = || 0..30usize;
        prop_oneof![
            3 => (0..4u8).prop_map(Step::Arrive),
            3 => (who(), any::<bool>()).prop_map(|(id, customer)| Step::Settle(id, customer)),
            1 => who().prop_map(Step::Begin),
            1 => who().prop_map(Step::End),
            1 => who().prop_map(Step::Leave),
        ]
    }

    proptest! {
        /// No sequence of steps exceeds a limit, and the counts agree with the sets.
        #[test]
        fn no_limit_is_passed(steps in proptest::collection::vec(step(), 0..300)) {
            let mut places = Places::new(LIMITS);
            let now = Instant::now();
            for (second, step) in steps.into_iter().enumerate() {
                let now = now + Duration::from_secs(second as u64);
                let id = |id: usize| Id(id as u64);
                match step {
                    Step::Arrive(from) => drop(places.arrive((), source(from), now)),
                    Step::Settle(who, true) => drop(places.admit(id(who), Kind::Customer, now)),
                    Step::Settle(who, false) => drop(places.admit(id(who), Kind::Trusted, now)),
                    Step::Begin(who) => places.begin(id(who)),
                    Step::End(who) => places.end(id(who), now),
                    Step::Leave(who) => places.leave(id(who)),
                }
                let customers = || places.all.values().filter(|entry| entry.kind == Some(Kind::Customer));
                let known = places.all.len() - places.unidentified.len();
                prop_assert_eq!(customers().count(), places.customers as usize);
                prop_assert!(places.customers <= LIMITS.customers && known <= LIMITS.known as usize);
                prop_assert!(places.unidentified.len() <= LIMITS.unidentified as usize);
                prop_assert_eq!(places.idle.len(), customers().filter(|entry| entry.calls == 0).count());
                let mut known_sources = BTreeSet::new();
                for entry in places.all.values().filter(|entry| entry.kind != Some(Kind::Trusted)) {
                    known_sources.insert(entry.source);
                }
                prop_assert_eq!(places.sources.len(), known_sources.len());
                for source in known_sources {
                    let own = places.sources.get(source).expect("it has connections");
                    let of_customers = customers().filter(|entry| entry.source == source);
                    prop_assert_eq!(of_customers.clone().count(), own.customers as usize);
                    prop_assert_eq!(of_customers.filter(|entry| entry.calls == 0).count(), own.idle.len());
                    prop_assert!(own.customers <= 2 && own.unidentified.len() <= 2);
                }
            }
        }
    }
}
