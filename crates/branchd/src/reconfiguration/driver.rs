//! The task that carries on, while this branch leads, what has been begun about the bank's members.

use std::sync::Arc;

use bank_proto::v1;

use super::change::{ANSWER_TIMEOUT, Members, PAUSE_MAX, PAUSE_MIN, STEP_TIMEOUT};
use super::plan::{Step, next_step};

impl Members {
    /// Carries on until the engine stops. A step that fails, or has to wait, is looked at again after a pause that grows.
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
            // What a leader knows of the others is told a moment after it leads.
            let leads = self.engine.role().0 == v1::Role::Leader;
            return if leads { Stepped::Waits } else { Stepped::Idle };
        };
        let seats = self.engine.seats();
        match next_step(&seats, &progress, self.identity.replica) {
            Step::Rest => Stepped::Idle,
            Step::Wait => Stepped::Waits,
            Step::HandOver => {
                tracing::info!("another branch takes this one's place: it hands the lead over first");
                self.engine.hand_over().await;
                Stepped::Waits
            }
            Step::Change { change, joiner, end } => {
                // An operator's change that is being made at this moment finishes its own exchange of voters.
                let Ok(_turn) = self.changing.try_lock() else {
                    return Stepped::Waits;
                };
                // A joiner that has just died would be a dead voter, so it is asked right before. That holds others up for one
                // timeout, once: then it does not count as answering any more.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stepped {
    /// It led on.
    Forward,
    /// There is something to do, but not now.
    Waits,
    /// There is nothing to do.
    Idle,
}
