//! A client with one stream of deposits, many of them under way at once.

use super::client::{BenchClient, deposit};
use super::recorder::{Outcome, Recorder, Way};
use super::turns::{Turn, Turns};
use bank_client::{Failure, RequestId, SubmitError, SubmitOptions};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use uuid::Uuid;

impl BenchClient {
    /// Takes turns until there are none, and keeps up to `window` deposits under way. `ended` counts the operations of
    /// all clients.
    ///
    /// # Errors
    /// The branch cannot be asked.
    pub(super) async fn stream(
        self,
        window: u32,
        turns: &Turns,
        recorder: &RefCell<Recorder>,
        ended: &AtomicU64,
    ) -> Result<(), Failure> {
        let BenchClient {
            client,
            mut session,
            branch,
            propagation,
            accounts,
            mut rng,
            ..
        } = self;
        let options = SubmitOptions { window, propagation };
        let mut stream = client.submit(Some(branch), &session, options)?;
        // The turns of the deposits that are under way, in order.
        let mut open: VecDeque<Turn> = VecDeque::new();
        let (mut over, mut begun) = (false, false);
        while !over || !open.is_empty() {
            // A stream that is being begun is not cancelled by a turn that comes meanwhile.
            let has_room = !over && open.len() < window as usize && (begun || open.is_empty());
            let outcomes: Vec<Outcome> = tokio::select! {
                biased;
                turn = turns.next(), if has_room => {
                    match turn {
                        Some(turn) => {
                            recorder.borrow_mut().money.sent(Way::In);
                            stream.add(RequestId::from(Uuid::now_v7()), deposit(&accounts, &mut rng));
                            open.push_back(turn);
                        }
                        None => over = true,
                    }
                    continue;
                }
                outcomes = stream.next(&mut session), if !open.is_empty() => match outcomes {
                    Ok(outcomes) => {
                        begun = true;
                        outcomes.into_iter().flat_map(|outcomes| outcomes.outcomes).map(Outcome::from).collect()
                    }
                    Err(error) => {
                        begun = false;
                        stream = client.submit(Some(branch), &session, options)?;
                        (0..open.len()).map(|number| without_decision(&error, number)).collect()
                    }
                },
            };
            let end = Instant::now();
            let mut recorder = recorder.borrow_mut();
            for (turn, outcome) in open.drain(..outcomes.len().min(open.len())).zip(outcomes) {
                ended.fetch_add(1, Ordering::Relaxed);
                recorder.money.settled(Way::In, &outcome);
                if turn.counts {
                    recorder.record(turns.from, turn.intended, end, outcome);
                }
            }
        }
        Ok(())
    }
}

/// What became of a write after the end of its stream, by its number among the writes without an outcome.
fn without_decision(error: &SubmitError, number: usize) -> Outcome {
    match number < error.unknown {
        true => Outcome::Unknown(error.to_string()),
        false => Outcome::Failed(error.to_string()),
    }
}
