//! The state that `Agreement` shares between the engine and the comparison.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bank_ledger::{Digest, Ledger, Position};
use tokio::sync::{Notify, watch};

use super::ring::Ring;

/// What this branch knows of its own digests, and of their being confirmed. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Agreement(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// The newest position at which another branch had this branch's digest.
    confirmed: watch::Sender<Position>,
    /// There is something to compare at once.
    due: Notify,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// The newest position that was decided from something read from the file.
    read_from_file: Position,
    /// A position at which another branch's digest was another.
    doubt: Option<Position>,
}

impl Agreement {
    /// Begins with the state that the books were opened with.
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

    /// Takes up the state after a journal entry. Returns the position that has to be confirmed before the entry's proposer
    /// may be answered; `None`: it may be answered now.
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

    /// Takes up the state of books that were installed whole.
    pub(crate) fn installed(&self, ledger: Ledger) {
        self.state().ring = Ring::new(ledger);
    }

    /// Resolves once another branch has confirmed the position.
    pub(crate) async fn confirmed(&self, position: Position) {
        let mut confirmed = self.0.confirmed.subscribe();
        // This value holds the sender, so that it cannot be gone.
        let _ = confirmed.wait_for(|confirmed| *confirmed >= position).await;
    }

    /// Compares what another branch says of a position that has been applied here. Returns this branch's digest there;
    /// `None`: it is not kept any more.
    pub(crate) fn compare(&self, theirs: Ledger) -> Option<Digest> {
        let mine = self.at(theirs.position)?;
        if mine == theirs.digest {
            self.confirm(theirs.position);
        } else {
            self.doubt(theirs.position);
        }
        Some(mine)
    }

    pub(crate) fn at(&self, position: Position) -> Option<Digest> {
        self.state().ring.at(position)
    }

    pub(crate) fn newest(&self) -> Ledger {
        self.state().ring.newest()
    }

    /// The newest state, if an answer waits for it, or for one before it, to be confirmed.
    pub(crate) fn awaited(&self) -> Option<Ledger> {
        let state = self.state();
        (state.read_from_file > *self.0.confirmed.borrow()).then(|| state.ring.newest())
    }

    pub(crate) fn positions(&self) -> Vec<Ledger> {
        self.state().ring.all()
    }

    pub(crate) fn confirm(&self, position: Position) {
        self.0.confirmed.send_if_modified(|confirmed| {
            let moves = position > *confirmed;
            *confirmed = position.max(*confirmed);
            moves
        });
    }

    pub(crate) fn doubt(&self, position: Position) {
        self.state().doubt.get_or_insert(position);
        self.0.due.notify_one();
    }

    pub(crate) fn take_doubt(&self) -> Option<Position> {
        self.state().doubt.take()
    }

    pub(crate) async fn due(&self) {
        self.0.due.notified().await;
    }

    // Each change under the lock is whole, whatever happened elsewhere.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
