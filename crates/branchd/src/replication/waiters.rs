//! Which waiter waits for which position. Plain data, without tasks and without a clock.

use std::collections::BTreeMap;

/// Identifies one waiter. Tickets are ordered by the needed position, then by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    needed: u64,
    arrival: u64,
}

/// Waiters, ordered by the position that each needs. `W` wakes one waiter.
#[derive(Debug)]
pub(super) struct Waiters<W> {
    at: u64,
    arrivals: u64,
    waiting: BTreeMap<Ticket, W>,
}

impl<W> Waiters<W> {
    pub(super) fn new(at: u64) -> Self {
        Self {
            at,
            arrivals: 0,
            waiting: BTreeMap::new(),
        }
    }

    /// The current position.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The number of waiters.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a waiter. `None`: the position is already reached, and nothing was added.
    pub(super) fn add(&mut self, needed: u64, wake: W) -> Option<Ticket> {
        if self.at >= needed {
            return None;
        }
        let arrival = self.arrivals;
        self.arrivals += 1;
        let ticket = Ticket { needed, arrival };
        self.waiting.insert(ticket, wake);
        Some(ticket)
    }

    /// Removes a waiter. Does nothing if the waiter was already woken.
    pub(super) fn remove(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// Moves to a position, and removes and returns the waiters that need it or less, lowest need first. The cost
    /// depends only on the number of returned waiters.
    pub(super) fn reach(&mut self, at: u64) -> Vec<W> {
        self.at = at;
        let mut reached = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && first.key().needed <= at
        {
            reached.push(first.remove());
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_step_wakes_the_waiters_for_it_and_no_others() {
        let mut waiters = Waiters::new(10);
        for needed in [30, 11, 13, 12, 13, u64::MAX] {
            assert!(waiters.add(needed, needed).is_some(), "{needed}");
        }
        assert!(
            waiters.add(10, 10).is_none() && waiters.add(0, 0).is_none(),
            "there already"
        );
        // (new position, woken waiters, number of waiters left)
        let table: &[(u64, &[u64], usize)] = &[
            (10, &[], 6),
            (11, &[11], 5),
            (12, &[12], 4),
            (29, &[13, 13], 2),
            (30, &[30], 1),
            (u64::MAX - 1, &[], 1),
            (u64::MAX, &[u64::MAX], 0),
        ];
        for (at, woken, left) in table {
            assert_eq!(
                (waiters.reach(*at).as_slice(), waiters.len()),
                (*woken, *left),
                "at {at}"
            );
        }
    }

    #[test]
    fn a_removed_waiter_is_not_woken_and_leaves_nothing_behind() {
        let mut waiters = Waiters::new(0);
        let tickets: Vec<Ticket> = (0..3).filter_map(|who| waiters.add(5, who)).collect();
        waiters.remove(tickets[1]);
        waiters.remove(tickets[1]);
        assert_eq!(waiters.reach(5), [0, 2]);
        waiters.remove(tickets[0]);
        assert_eq!(waiters.len(), 0);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(u64),
        Remove(usize),
        Reach(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..20u64).prop_map(Step::Add),
            1 => any::<usize>().prop_map(Step::Remove),
            1 => (0..3u64).prop_map(Step::Reach),
        ]
    }

    proptest! {
        /// Compares with a plain list that is searched from end to end.
        #[test]
        fn it_does_what_a_plain_list_does(steps in proptest::collection::vec(step(), 0..200)) {
            let mut waiters = Waiters::new(0);
            let mut list: Vec<(u64, usize, Ticket)> = Vec::new();
            for (who, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Add(needed) => {
                        let ticket = waiters.add(needed, who);
                        prop_assert_eq!(ticket.is_some(), needed > waiters.at());
                        list.extend(ticket.map(|ticket| (needed, who, ticket)));
                    }
                    Step::Remove(at) if !list.is_empty() => {
                        let (_, _, ticket) = list.remove(at % list.len());
                        waiters.remove(ticket);
                    }
                    Step::Remove(_) => {}
                    Step::Reach(further) => {
                        let at = waiters.at() + further;
                        let mut woken: Vec<(u64, usize)> =
                            list.iter().filter(|(needed, ..)| *needed <= at).map(|(n, who, _)| (*n, *who)).collect();
                        woken.sort_unstable();
                        list.retain(|(needed, ..)| *needed > at);
                        let woken: Vec<usize> = woken.into_iter().map(|(_, who)| who).collect();
                        prop_assert_eq!(waiters.reach(at), woken);
                    }
                }
                prop_assert_eq!(waiters.len(), list.len());
            }
        }
    }
}
