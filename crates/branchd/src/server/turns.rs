//! Lets TLS handshakes compute one after the other.
//!
//! A handshake costs about a thousand times what a call costs, and the other side pays almost nothing for it. Hundreds
//! of them, ready at the same time, would keep heartbeats and calls waiting until the last one is done. With turns, every
//! task that is ready runs between the steps of two handshakes.

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
        // The semaphore is never closed, so there is a turn.
        let turn = ready!(self.turns.poll_acquire(cx));
        let polled = self.handshake.as_mut().poll(cx);
        // The turn ends once all tasks that are ready now have run. If it ended here, the next handshake of the run
        // queue would have it at once.
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(turn);
        });
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const HANDSHAKES: usize = 50;

    type Ran = Arc<Mutex<Vec<&'static str>>>;

    /// Computes in this many steps, and is ready for the next one at once.
    async fn compute(name: &'static str, steps: usize, ran: Ran) {
        for _ in 0..steps {
            ran.lock().expect("no panic").push(name);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn other_tasks_run_between_the_steps_of_two_handshakes() {
        let (ran, turns) = (Ran::default(), Turns::new());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..HANDSHAKES {
            tasks.spawn(turns.take(compute("handshake", 2, Arc::clone(&ran))));
        }
        tasks.spawn(compute("call", 2 * HANDSHAKES, Arc::clone(&ran)));
        tasks.join_all().await;
        let ran = ran.lock().expect("no panic");
        let handshakes = ran.iter().filter(|name| **name == "handshake");
        assert_eq!(handshakes.count(), 2 * HANDSHAKES, "all of them end");
        // While there are calls, no two handshakes follow each other.
        let calls_end = ran.iter().rposition(|name| *name == "call").expect("calls ran");
        let runs = ran[..calls_end].chunk_by(|a, b| a == b);
        let longest = runs.filter(|run| run[0] == "handshake").map(<[_]>::len).max();
        assert_eq!(longest, Some(1), "{ran:?}");
    }
}
