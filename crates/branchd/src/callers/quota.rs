//! Bounds on what customers and branches may hold at once: a share for each connection, within a share for all.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places, or bytes, of which a bounded number is held at once. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    left: Arc<Semaphore>,
    max: u32,
}

/// What was taken of a [`Quota`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct QuotaPermit {
    /// Of the connection's, and of that of all.
    permits: [Option<OwnedSemaphorePermit>; 2],
}

impl QuotaPermit {
    /// Takes up what else was taken of the same shares.
    pub(crate) fn merge(&mut self, other: Self) {
        for (mine, more) in self.permits.iter_mut().zip(other.permits) {
            match (mine, more) {
                (Some(mine), Some(more)) => mine.merge(more),
                (mine, more) => *mine = mine.take().or(more),
            }
        }
    }
}

/// Which share had too little left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaExceeded {
    /// That of the connection, which is this large.
    Connection(u32),
    /// That of all connections together, which is this large.
    All(u32),
}

impl Quota {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            left: Arc::new(Semaphore::new(max as usize)),
            max,
        }
    }

    /// Takes so much of this share alone.
    ///
    /// # Errors
    /// [`QuotaExceeded::All`] where less is left.
    pub(crate) fn take(&self, amount: u32) -> Result<QuotaPermit, QuotaExceeded> {
        let permit = self.permit(amount).ok_or(QuotaExceeded::All(self.max))?;
        Ok(QuotaPermit {
            permits: [None, Some(permit)],
        })
    }

    /// Takes so much of a connection's share, and of the share of all connections.
    ///
    /// # Errors
    /// One of them has less left; then nothing was taken.
    pub(crate) fn take_both(connection: &Self, all: &Self, amount: u32) -> Result<QuotaPermit, QuotaExceeded> {
        let own = connection
            .permit(amount)
            .ok_or(QuotaExceeded::Connection(connection.max))?;
        let of_all = all.permit(amount).ok_or(QuotaExceeded::All(all.max))?;
        Ok(QuotaPermit {
            permits: [Some(own), Some(of_all)],
        })
    }

    fn permit(&self, amount: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.left).try_acquire_many_owned(amount).ok()
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_no_more_than_its_own_share_nor_than_all_have_left() {
        let (all, one, other) = (Quota::new(10), Quota::new(6), Quota::new(6));
        let first = Quota::take_both(&one, &all, 6).expect("there is room");
        let none = |share: &Quota, amount| Quota::take_both(share, &all, amount).map(|_| ());
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
