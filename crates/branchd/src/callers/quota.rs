//! Bounds on what customers and branches may hold at once: a share for each connection, within a share for all.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places, or bytes, of which a bounded number is held at once. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    left: Arc<Semaphore>,
    max: u32,
}

/// What was taken of a [`Share`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    /// Of the connection's, and of that of all.
    permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Held {
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
pub(crate) enum Full {
    /// That of the connection, which is this large.
    Connection(u32),
    /// That of all connections together, which is this large.
    All(u32),
}

impl Share {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            left: Arc::new(Semaphore::new(max as usize)),
            max,
        }
    }

    /// Takes so much of this share alone.
    ///
    /// # Errors
    /// [`Full::All`] where less is left.
    pub(crate) fn take(&self, amount: u32) -> Result<Held, Full> {
        let permit = self.permit(amount).ok_or(Full::All(self.max))?;
        Ok(Held {
            permits: [None, Some(permit)],
        })
    }

    /// Takes so much of a connection's share, and of the share of all connections.
    ///
    /// # Errors
    /// One of them has less left; then nothing was taken.
    pub(crate) fn take_both(connection: &Self, all: &Self, amount: u32) -> Result<Held, Full> {
        let own = connection.permit(amount).ok_or(Full::Connection(connection.max))?;
        let of_all = all.permit(amount).ok_or(Full::All(all.max))?;
        Ok(Held {
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
        let (all, one, other) = (Share::new(10), Share::new(6), Share::new(6));
        let first = Share::take_both(&one, &all, 6).expect("there is room");
        let none = |share: &Share, amount| Share::take_both(share, &all, amount).map(|_| ());
        assert_eq!(none(&one, 1), Err(Full::Connection(6)));
        assert_eq!(none(&other, 5), Err(Full::All(10)));
        assert_eq!((other.left(), all.left()), (6, 4), "a refusal takes nothing");
        let mut second = Share::take_both(&other, &all, 3).expect("there is room");
        second.merge(Share::take_both(&other, &all, 1).expect("there is room"));
        assert_eq!(all.take(1).map(|_| ()), Err(Full::All(10)));
        drop((first, second));
        assert_eq!((one.left(), other.left(), all.left()), (6, 6, 10));
    }
}
