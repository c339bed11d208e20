//! The task that watches who leads. It gathers the facts, asks `follow` or `lead` for the next step, and takes it.

use std::time::Duration;

use openraft::rt::WatchReceiver;
use openraft::{Instant as _, RaftMetrics, ServerState};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::engine::Engine;
use super::super::types::{TypeConfig, Vote};
use super::patience::Patience;
use super::{attendance, follow, lead};
use crate::config::Timing;

/// The least time between two looks.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(1);
/// The delay before the first voter asks for votes. The other voters notice a leader's end at the same time, and they
/// must drop the leader first.
const STAND_AFTER: Duration = Duration::from_millis(5);
/// The delay between two voters that ask for votes. It covers two round trips and an fsync on an ordinary disk, so the
/// second voter mostly need not ask. If both ask, the terms decide.
const STAND_APART: Duration = Duration::from_millis(30);

/// Starts the watcher. It runs as long as the engine.
pub(in crate::replication) fn watch(engine: Engine) {
    let watcher = Watcher {
        vote: Vote::new(0, 0),
        vote_since: Instant::now(),
        patience: Patience::default(),
        answered: None,
        unanswered_looks: 0,
        rounds: 0,
        probed: None,
        engine,
    };
    tokio::spawn(attendance::attend(watcher.engine.clone()));
    tokio::spawn(watcher.run());
}

struct Watcher {
    engine: Engine,
    /// The vote of this branch.
    vote: Vote,
    /// When the vote last changed.
    vote_since: Instant,
    patience: Patience,
    /// When this leader sent the newest message that a quorum has answered.
    answered: Option<openraft::alias::InstantOf<TypeConfig>>,
    /// The number of looks since `answered` last changed.
    unanswered_looks: u32,
    /// The number of rounds in which this branch has asked for votes since it last heard a leader.
    rounds: u32,
    /// The time of the last suspicion that led to a probe, and whether the probe found the leader gone.
    probed: Option<(Instant, bool)>,
}

impl Watcher {
    async fn run(mut self) {
        let mut due = Instant::now();
        loop {
            // A process that did not run for a while has not read the messages that arrived in that time.
            let late = due.elapsed();
            let overslept = late > self.timing().heartbeat_interval();
            self.patience.saw_delay(Instant::now(), late, self.timing());
            let Some(wait) = self.look(overslept).await else {
                return;
            };
            due = Instant::now() + wait.max(LOOK_AGAIN_MIN);
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.engine.succession.signs.suspicion() => due = Instant::now(),
            }
        }
    }

    fn timing(&self) -> Timing {
        self.engine.succession.timing
    }

    /// Takes the next step and returns the time until the next look. `None`: the engine has ended.
    async fn look(&mut self, overslept: bool) -> Option<Duration> {
        let metrics = self.engine.raft.metrics().borrow_watched().clone();
        if metrics.running_state.is_err() || metrics.state == ServerState::Shutdown {
            return None;
        }
        if metrics.vote != self.vote {
            (self.vote, self.vote_since, self.rounds) = (metrics.vote, Instant::now(), 0);
        }
        let often = self.timing().heartbeat_interval();
        let leads = metrics.state == ServerState::Leader;
        if leads {
            self.engine.succession.signs.heard_now();
        }
        if overslept || self.engine.is_being_founded() {
            return Some(often);
        }
        if leads {
            self.lead(&metrics).await;
            return Some(often);
        }
        if metrics.membership_config.voter_ids().any(|id| id == metrics.id) {
            return Some(self.follow(&metrics).await.min(self.timing().election_timeout));
        }
        Some(self.timing().election_timeout)
    }

    async fn lead(&mut self, metrics: &RaftMetrics<TypeConfig>) {
        let patience = self.patience.now(Instant::now(), self.timing().unanswered_max());
        let led_for = self.vote_since.elapsed();
        let answered = metrics.last_quorum_acked.map(|at| at.into_inner());
        if answered != self.answered {
            (self.answered, self.unanswered_looks) = (answered, 0);
        }
        self.unanswered_looks = self.unanswered_looks.saturating_add(1);
        // On a busy host this task runs rarely, and the answers have as little time to arrive. So at most one heartbeat
        // interval is counted for each look.
        let looked_for = self.timing().heartbeat_interval().saturating_mul(self.unanswered_looks);
        let answered_ago = answered.map_or(led_for, |at| at.elapsed());
        let unanswered = answered_ago.min(led_for).min(looked_for);
        let view = self.engine.lead_view(metrics, unanswered);
        match lead::next(view, patience) {
            lead::Step::Lead => {}
            lead::Step::HandOver(to, trouble) => {
                let branch = self.engine.branch_of(to);
                tracing::warn!("branch {branch} is to lead instead of this one: {trouble}");
                *self.engine.succession.handed_over() = Some(Instant::now());
                if !self.engine.hand_over_to(to, self.timing().election_timeout_max()).await {
                    self.engine.resign(metrics.vote, metrics).await;
                }
            }
            lead::Step::Resign(unanswered) => {
                self.patience.lose(Instant::now());
                tracing::warn!(
                    "gives up the lead: no majority of the voters has answered for {} ms; the others elect a leader \
                     where they can",
                    unanswered.as_millis()
                );
                // A branch that still receives messages from here starts its election at once.
                if let Some(next) = Engine::most_advanced(metrics, |_| true) {
                    // An error means that the engine has ended.
                    let _ = self.engine.raft.trigger().transfer_leader(next).await;
                }
                self.engine.resign(metrics.vote, metrics).await;
            }
        }
    }

    async fn follow(&mut self, metrics: &RaftMetrics<TypeConfig>) -> Duration {
        let patience = self.patience.now(Instant::now(), self.timing().election_timeout_max());
        let known = self.engine.succession.signs.known();
        let leads = metrics.vote.committed.then_some(metrics.vote.leader_id);
        let suspect = known.suspect.filter(|(leader, _)| Some(*leader) == leads);
        let view = follow::View {
            quiet: known.heard.max(self.vote_since).elapsed(),
            suspect: suspect.is_some(),
            gone: suspect.and_then(|(_, at)| Some(self.probed.filter(|(probed, _)| *probed == at)?.1)),
        };
        match follow::next(view, patience) {
            follow::Step::Wait(wait) => {
                self.rounds = 0;
                wait
            }
            follow::Step::Probe => {
                let gone = self.engine.is_gone(metrics.vote.leader_id.node_id).await;
                self.probed = suspect.map(|(_, at)| (at, gone));
                Duration::ZERO
            }
            follow::Step::Stand => self.stand(metrics, view).await,
        }
    }

    /// Asks the other voters for votes. Each voter has its own delay, and a change in that time cancels the request.
    /// Returns the time until the next look.
    async fn stand(&mut self, metrics: &RaftMetrics<TypeConfig>, view: follow::View) -> Duration {
        let (me, vote) = (metrics.id, metrics.vote);
        let leader = vote.leader_id.node_id;
        let mut others: Vec<u64> = metrics.membership_config.voter_ids().collect();
        others.retain(|id| *id != leader || !vote.committed);
        others.sort_unstable();
        let voters = u32::try_from(others.len()).unwrap_or(u32::MAX);
        let round = STAND_APART.saturating_mul(voters);
        let mut rank = others.iter().position(|id| *id == me).unwrap_or_default();
        if self.engine.is_disk_full() {
            // A branch with a full disk waits until after all others.
            rank += others.len();
        }
        // The lease of a leader that was silent for too long has run out by itself.
        if view.gone == Some(true) && vote.committed && leader != me {
            self.engine.drop_leader(vote).await;
        }
        let before = Instant::now();
        sleep(STAND_AFTER + STAND_APART.saturating_mul(u32::try_from(rank).unwrap_or(u32::MAX))).await;
        let now = self.engine.raft.metrics().borrow_watched().clone();
        if now.vote != vote || self.engine.succession.signs.known().heard > before {
            return Duration::ZERO;
        }
        if self.rounds == 0 {
            if view.gone != Some(true) {
                self.patience.lose(Instant::now());
            }
            let why = if view.gone == Some(true) {
                "is gone"
            } else {
                "is silent"
            };
            tracing::info!(quiet_ms = view.quiet.as_millis(), "the leader {why}: asks for votes");
        }
        let _ = self.engine.raft.trigger().elect(true).await;
        let pause = follow::pause(round, self.rounds, self.timing().election_timeout_max());
        self.rounds = self.rounds.saturating_add(1);
        pause
    }
}
