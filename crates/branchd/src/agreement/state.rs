//! The state that the engine and the comparison share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bank_ledger::{Digest, Ledger, Position};
use tokio::sync::{Notify, watch};

use super::ring::Ring;

/// The digests of this branch, and which of them another branch has confirmed. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Agreement(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// The newest position at which another branch had the same digest.
    confirmed: watch::Sender<Position>,
    /// Notified when a comparison is due at once.
    due: Notify,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// The newest position that was decided from a row that was read from the file.
    read_from_file: Position,
    /// A position at which another branch had another digest.
    doubt: Option<Position>,
}

impl Agreement {
    /// Begins with the state at which the ledger database was opened.
    pub(crate) fn new(opened: Ledger) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                ring: Ring::new(opened),
                read_from_file: 0,
                doubt: None,
            }),
            confirmed: watch::Sender::new(0),
            due: Notify::new(),
        }))
    }

    /// Records the state after a log entry. Returns the position that must be confirmed before the entry's proposer is
    /// answered. `None`: the proposer may be answered now.
    pub(crate) fn applied(&self, ledger: Ledger, read_from_file: bool) -> Option<Position> {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is_planted() {
            return None;
        }
        let needed = {
            let mut state = self.state();
            state.ring.push(ledger);
            if read_from_file {
                state.read_from_file = ledger.position;
            }
            state.read_from_file
        };
        if read_from_file {
            self.0.due.notify_one();
        }
        (needed > *self.0.confirmed.borrow()).then_some(needed)
    }

    /// Records the state of an installed snapshot.
    pub(crate) fn installed(&self, ledger: Ledger) {
        self.state().ring = Ring::new(ledger);
    }

    /// Waits until another branch has confirmed the position.
    pub(crate) async fn confirmed(&self, position: Position) {
        let mut confirmed = self.0.confirmed.subscribe();
        // `self` holds the sender, so the wait cannot fail.
        let _ = confirmed.wait_for(|confirmed| *confirmed >= position).await;
    }

    /// Compares another branch's digest with this branch's digest at the same position. This branch has applied that
    /// position. Returns this branch's digest. `None`: it is no longer kept.
    pub(crate) fn compare(&self, theirs: Ledger) -> Option<Digest> {
        let mine = self.at(theirs.position)?;
        if mine == theirs.digest {
            self.confirm(theirs.position);
        } else {
            self.doubt(theirs.position);
        }
        Some(mine)
    }

    /// The digest at a position. `None`: it is not kept.
    pub(crate) fn at(&self, position: Position) -> Option<Digest> {
        self.state().ring.at(position)
    }

    /// The newest recorded state.
    pub(crate) fn newest(&self) -> Ledger {
        self.state().ring.newest()
    }

    /// The newest recorded state, if an answer waits for its confirmation or for that of an earlier state.
    pub(crate) fn awaited(&self) -> Option<Ledger> {
        let state = self.state();
        (state.read_from_file > *self.0.confirmed.borrow()).then(|| state.ring.newest())
    }

    /// All kept states, oldest first.
    pub(crate) fn positions(&self) -> Vec<Ledger> {
        self.state().ring.all()
    }

    /// Records that another branch has the same digest at a position.
    pub(crate) fn confirm(&self, position: Position) {
        self.0.confirmed.send_if_modified(|confirmed| {
            let moves = position > *confirmed;
            *confirmed = position.max(*confirmed);
            moves
        });
    }

    /// Records that another branch has another digest at a position. An earlier doubt that has not been taken stays.
    pub(crate) fn doubt(&self, position: Position) {
        self.state().doubt.get_or_insert(position);
        self.0.due.notify_one();
    }

    /// Takes the recorded doubt, if there is one.
    pub(crate) fn take_doubt(&self) -> Option<Position> {
        self.state().doubt.take()
    }

    /// Waits until a comparison is due at once.
    pub(crate) async fn due(&self) {
        self.0.due.notified().await;
    }

    // No code under the lock can panic, so the state is consistent even if the lock is poisoned.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
