//! Lets TLS handshakes compute one after the other.
//!
//! A handshake costs about a thousand times what a call costs, and the other side pays almost nothing for it. Hundreds
//! of them, ready at the same time, would keep heartbeats and calls waiting until the last one is done. With turns, the
//! tasks of all other connections run between the steps of two handshakes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::Semaphore;
use tokio_util::sync::PollSemaphore;

/// The turns of handshakes, first come, first served. Clones share them.
#[derive(Clone)]
pub(super) struct Turns(PollSemaphore);

impl Turns {
    pub(super) fn new() -> Self {
        Self(PollSemaphore::new(Arc::new(Semaphore::new(1))))
    }

    /// Runs each step of a handshake in a turn of its own. No turn is held while the handshake waits for the network.
    pub(super) fn take<F: Future>(&self, handshake: F) -> InTurn<F> {
        InTurn {
            turns: self.0.clone(),
            handshake: Box::pin(handshake),
        }
    }
}

/// A handshake that computes in turns.
pub(super) struct InTurn<F> {
    turns: PollSemaphore,
    handshake: Pin<Box<F>>,
}

impl<F: Future> Future for InTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // The semaphore is never closed, so there is a permit. It is given back when this step ends.
        let _turn = ready!(self.turns.poll_acquire(cx));
        self.handshake.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A handshake that computes `left` times, and a task of another connection, which is always ready.
    async fn compute(name: &'static str, mut left: u32, ran: Rc<RefCell<Vec<&'static str>>>) {
        while left > 0 {
            left -= 1;
            ran.borrow_mut().push(name);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn another_task_runs_between_the_steps_of_two_handshakes() {
        const HANDSHAKES: usize = 50;
        let (ran, turns) = (Rc::default(), Turns::new());
        let local = tokio::task::LocalSet::new();
        for _ in 0..HANDSHAKES {
            local.spawn_local(turns.take(compute("handshake", 2, Rc::clone(&ran))));
        }
        local.spawn_local(compute("call", 2 * HANDSHAKES as u32, Rc::clone(&ran)));
        local.await;
        let ran = ran.borrow();
        let first_call = ran.iter().position(|name| *name == "call").expect("it ran");
        let longest = ran[first_call..].chunk_by(|a, b| a == b).filter(|run| run[0] == "handshake");
        let longest = longest.map(<[_]>::len).max();
        assert!(first_call <= 2 && longest <= Some(2), "{ran:?}");
        assert_eq!(ran.iter().filter(|name| **name == "handshake").count(), 2 * HANDSHAKES);
    }
}
