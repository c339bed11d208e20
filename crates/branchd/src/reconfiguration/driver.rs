//! The leader's task that finishes recorded changes of the members, step by step.

use std::sync::Arc;

use super::change::Members;
use super::plan::{Step, next_step};
use super::timing::{ANSWER_TIMEOUT, PAUSE_MAX, PAUSE_MIN, STEP_TIMEOUT};
use crate::replication::role::Role;

impl Members {
    /// Runs until the engine stops. A step that fails or has to wait is tried again after a pause, which grows.
    pub(crate) async fn drive(self: Arc<Self>) {
        let mut news = self.engine.news();
        let mut pause = PAUSE_MIN;
        loop {
            let step = self.step().await;
            if step == Stepped::Forward {
                pause = PAUSE_MIN;
                continue;
            }
            let changed = async {
                match step {
                    Stepped::Idle => Some(news.next().await),
                    _ => tokio::time::timeout(pause, news.next()).await.ok(),
                }
            };
            match changed.await {
                Some(false) => return,
                Some(true) => pause = PAUSE_MIN,
                None => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    async fn step(&self) -> Stepped {
        let Some(progress) = self.engine.progress(self.window) else {
            // The engine reports the progress of the others a moment after this branch has become the leader.
            let leads = self.engine.role().0 == Role::Leader;
            return if leads { Stepped::Waits } else { Stepped::Idle };
        };
        let seats = self.engine.seats();
        match next_step(&seats, &progress, self.identity.replica) {
            Step::Rest => Stepped::Idle,
            Step::Wait => Stepped::Waits,
            Step::HandOver => {
                tracing::info!("another replica takes the place of this branch: it hands the lead over first");
                self.engine.hand_over().await;
                Stepped::Waits
            }
            Step::Change { change, joiner, end } => {
                // A change that is being made for an operator now finishes its own exchange of voters.
                let Ok(_turn) = self.changing.try_lock() else {
                    return Stepped::Waits;
                };
                // A joiner that has just died would become a dead voter, so it is asked right before the change. A
                // joiner that does not answer delays the others by one timeout, once: after that it no longer counts as
                // answering.
                if let Some(joiner) = joiner
                    && !self.is_reached(&joiner, ANSWER_TIMEOUT).await
                {
                    return Stepped::Waits;
                }
                match self.engine.change(&seats, change, STEP_TIMEOUT).await {
                    Ok(()) => {
                        tracing::info!("{end}");
                        Stepped::Forward
                    }
                    Err(error) => {
                        tracing::debug!(%error, "{end}: not yet");
                        Stepped::Waits
                    }
                }
            }
        }
    }
}

/// The result of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stepped {
    /// The step was made, and another may follow.
    Forward,
    /// A step is due, but cannot be made yet.
    Waits,
    /// No step is due.
    Idle,
}
