//! Quotas on what calls may hold at once: one for each connection, and one for all connections together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A bounded number of units (calls, waiting reads, bytes) that may be held at once. Nobody waits for units: a caller
/// gets them at once, or is refused. Clones share the quota.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    left: Arc<AtomicU32>,
    max: u32,
}

/// Units taken from a [`Quota`]. Dropping the permit gives them back.
#[derive(Debug)]
pub(crate) struct QuotaPermit {
    /// The units of the connection's quota, and those of the quota of all connections.
    permits: [Option<Permit>; 2],
}

/// Units taken from one quota. Dropping the permit gives them back.
#[derive(Debug)]
struct Permit {
    left: Arc<AtomicU32>,
    amount: u32,
}

impl Drop for Permit {
    fn drop(&mut self) {
        // The units were taken from the same number, so the sum is at most the size of the quota.
        self.left.fetch_add(self.amount, Ordering::Relaxed);
    }
}

impl QuotaPermit {
    /// Adds the units of another permit of the same quotas.
    pub(crate) fn merge(&mut self, other: Self) {
        for (mine, more) in self.permits.iter_mut().zip(other.permits) {
            match (mine, more) {
                (Some(mine), Some(mut more)) => mine.amount += std::mem::take(&mut more.amount),
                (mine, more) => *mine = mine.take().or(more),
            }
        }
    }
}

/// The quota that had too few units left, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaExceeded {
    Connection(u32),
    All(u32),
}

impl Quota {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            left: Arc::new(AtomicU32::new(max)),
            max,
        }
    }

    /// Takes units from this quota alone.
    ///
    /// # Errors
    /// [`QuotaExceeded::All`] if fewer units are left.
    pub(crate) fn take(&self, amount: u32) -> Result<QuotaPermit, QuotaExceeded> {
        let permit = self.permit(amount).ok_or(QuotaExceeded::All(self.max))?;
        Ok(QuotaPermit {
            permits: [None, Some(permit)],
        })
    }

    /// Takes units from the quota of a connection and from that of all connections.
    ///
    /// # Errors
    /// One of the quotas has fewer units left. Then no units were taken from either.
    pub(crate) fn take_both(connection: &Self, all: &Self, amount: u32) -> Result<QuotaPermit, QuotaExceeded> {
        let own = connection
            .permit(amount)
            .ok_or(QuotaExceeded::Connection(connection.max))?;
        let of_all = all.permit(amount).ok_or(QuotaExceeded::All(all.max))?;
        Ok(QuotaPermit {
            permits: [Some(own), Some(of_all)],
        })
    }

    fn permit(&self, amount: u32) -> Option<Permit> {
        let rest = |left: u32| left.checked_sub(amount);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest)
            .ok()?;
        let left = Arc::clone(&self.left);
        Some(Permit { left, amount })
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_no_more_than_its_own_share_nor_than_all_have_left() {
        let (all, one, other) = (Quota::new(10), Quota::new(6), Quota::new(6));
        let first = Quota::take_both(&one, &all, 6).expect("there is room");
        let none = |quota: &Quota, amount| Quota::take_both(quota, &all, amount).map(|_| ());
        assert_eq!(none(&one, 1), Err(QuotaExceeded::Connection(6)));
        assert_eq!(none(&other, 5), Err(QuotaExceeded::All(10)));
        assert_eq!((other.left(), all.left()), (6, 4), "a refusal takes nothing");
        let mut second = Quota::take_both(&other, &all, 3).expect("there is room");
        second.merge(Quota::take_both(&other, &all, 1).expect("there is room"));
        assert_eq!(all.take(1).map(|_| ()), Err(QuotaExceeded::All(10)));
        drop((first, second));
        assert_eq!((one.left(), other.left(), all.left()), (6, 6, 10));
    }
}
