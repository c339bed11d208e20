//! Who leads next: a follower whose leader is gone asks for votes at once, and a leader that cannot lead gives up the lead.
//!
//! openraft elects by its own timer too, and decides every election: pre-votes, terms and logs. What is done here only makes
//! an election begin sooner. A wrong suspicion costs a few messages, and never a write.
//!
//! [`follow`] and [`lead`] decide, [`signs`], [`fitness`] and [`patience`] hold what they decide by, [`attendance`] notices a
//! leader's end; here it is gathered and done.

mod attendance;
mod fitness;
mod follow;
mod lead;
mod patience;
mod signs;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::raft::{TransferLeaderRequest, VoteRequest};
use openraft::rt::WatchReceiver;
use openraft::{Instant as _, RaftMetrics, ServerState};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub(super) use fitness::{FullDisks, Pace};
pub(super) use signs::Signs;

use self::patience::Patience;
use super::engine::{Engine, Replica};
use super::types::{LeaderId, LogId, TypeConfig, Vote};
use crate::config::Timing;
use crate::peers::{Identity, Peers};

/// Between two looks, at the least.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(1);
/// Before the first voter asks for votes: the others notice a leader's end at the same time, and must drop it first.
const STAND_AFTER: Duration = Duration::from_millis(5);
/// Between two voters that ask for votes: what two round trips and an fsync on a plain disk take, so that the second need
/// not ask. If both do, the terms decide.
const STAND_APART: Duration = Duration::from_millis(30);
/// How long a host may take to say whether anything listens at an address. It is asked once for each break; what does not
/// answer by then may be slow, and the silence decides.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);
/// How long it may take to hang up on who connects, where it relays for one that is gone.
const PROBE_GRACE: Duration = Duration::from_millis(20);
/// The books of a leader may be busy with one piece of work for the election timeout, and for no less than this: a sound
/// disk under load takes some 100 ms to sync, a sick one seconds.
const BOOKS_BUSY_MAX: Duration = Duration::from_secs(1);
/// A branch has no leader once it has heard none for two election timeouts, and for no less than this: an election takes no
/// longer where one is possible.
const NO_LEADER_AFTER_MIN: Duration = Duration::from_secs(2);
/// Higher than any position in a log: who votes for a successor in advance sets no condition on its log. The successor
/// still has to ask, with its log.
const ANY_INDEX: u64 = u64::MAX;

type Metrics = RaftMetrics<TypeConfig>;

/// What a branch knows that bears on who leads. Clones share it.
#[derive(Clone)]
pub(super) struct Succession {
    pub(super) signs: Signs,
    pub(super) full_disks: FullDisks,
    pub(super) pace: Pace,
    pub(super) timing: Timing,
    identity: Identity,
    peers: Peers,
    /// Held while another branch's suspicion is looked into: one look answers all.
    looking: Arc<tokio::sync::Mutex<()>>,
    handed_over: Arc<Mutex<Option<Instant>>>,
}

impl Succession {
    pub(super) fn new(identity: Identity, timing: Timing, peers: Peers) -> Self {
        Self {
            signs: Signs::new(),
            full_disks: FullDisks::default(),
            pace: Pace::default(),
            timing,
            identity,
            peers,
            looking: Arc::default(),
            handed_over: Arc::default(),
        }
    }

    /// How long the books may take over one piece of work while this branch leads.
    fn books_busy_max(&self) -> Duration {
        self.timing.election_timeout.max(BOOKS_BUSY_MAX)
    }

    /// After how long without a leader there is none.
    fn no_leader_after(&self) -> Duration {
        self.timing.election_timeout_max().max(NO_LEADER_AFTER_MIN)
    }

    fn handed_over(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// How long this branch has heard or reached no leader and has not led itself, if that is too long for an election to be
    /// under way: it is cut off, or the bank has no quorum.
    pub(crate) fn leaderless(&self) -> Option<Duration> {
        let cut_off = self.succession.signs.cut_off_for();
        let none = !self.is_leader() && !self.is_being_founded() && cut_off >= self.succession.no_leader_after();
        none.then_some(cut_off)
    }

    /// Nothing has been applied here yet. Nobody waits for the leader of such a bank but who founds it, and is patient.
    fn is_being_founded(&self) -> bool {
        self.applied_to.position.at() == 0
    }

    /// This branch leads, its disk is full, and it hands over to one whose disk is not, or is about to.
    pub(crate) fn hands_over_for_space(&self) -> bool {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let view = self.lead_view(&metrics, Duration::ZERO);
        matches!(
            lead::next(view, Duration::MAX),
            lead::Step::HandOver(_, lead::Trouble::DiskFull)
        ) || self.is_handing_over()
    }

    /// A hand-over is under way: it takes no longer than this.
    fn is_handing_over(&self) -> bool {
        let since = *self.succession.handed_over();
        since.is_some_and(|since| since.elapsed() < self.succession.timing.election_timeout_max())
    }

    /// Another branch asks whether it would be voted for. It may have seen the leader's end before this branch: this one looks
    /// too, and does not wait for a leader that is gone.
    pub(super) async fn look_after_leader(&self) {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let vote = metrics.vote;
        let Ok(_one) = self.succession.looking.try_lock() else {
            return;
        };
        if vote.committed && vote.leader_id.node_id != metrics.id && self.is_gone(vote.leader_id.node_id).await {
            self.drop_leader(vote).await;
            self.succession.signs.suspect(vote.leader_id);
        }
    }

    /// Nothing listens at the address of this replica, or behind it, though its host is there.
    async fn is_gone(&self, replica: u64) -> bool {
        let replicas = self.replicas();
        let Some(Replica { branch, address, .. }) = replicas.into_iter().find(|known| known.id == replica) else {
            return false;
        };
        let address = self.succession.peers.address(branch, &address);
        match timeout(PROBE_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A branch waits for who connects to speak; a relay hangs up where nothing listens behind it.
                let hung_up = timeout(PROBE_GRACE, stream.peek(&mut [0])).await;
                matches!(hung_up, Ok(Ok(0) | Err(_)))
            }
            Ok(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
            Err(_) => false,
        }
    }

    /// Makes this branch wait for this leader no longer: as if it had handed over to another. It stays the leader until there
    /// is another, and a sign of it still counts; but for the rest of its term it is not protected from pre-votes here.
    async fn drop_leader(&self, vote: Vote) {
        let dropped = TransferLeaderRequest::new(vote, vote.leader_id.node_id, None);
        // An engine that has ended waits for nobody.
        let _ = self.raft.handle_transfer_leader(dropped).await;
    }

    /// `unanswered`: how long ago the leader sent the newest message that a quorum has answered.
    fn lead_view(&self, metrics: &Metrics, unanswered: Duration) -> lead::View {
        let voters = metrics.membership_config.voter_ids().count();
        let busy = self.succession.pace.busy_for();
        let trouble = if self.is_disk_full() {
            Some(lead::Trouble::DiskFull)
        } else {
            (busy >= self.succession.books_busy_max()).then_some(lead::Trouble::BooksStuck(busy))
        };
        let handed_over = *self.succession.handed_over();
        lead::View {
            alone: voters <= 1,
            unanswered,
            trouble,
            successor: trouble.and_then(|_| self.fit_successor(metrics)),
            handed_over: handed_over.map(|at| at.elapsed()),
        }
    }

    /// The voter with the most entries among those that have answered lately and whose disks are not full.
    fn fit_successor(&self, metrics: &Metrics) -> Option<u64> {
        let answers = |id: &u64| {
            let answered = metrics.heartbeat.as_ref().and_then(|all| *all.get(id)?);
            answered.is_some_and(|at| at.into_inner().elapsed() < self.succession.timing.election_timeout)
        };
        Self::most_advanced(metrics, |id| answers(id) && !self.succession.full_disks.include(*id))
    }

    /// Makes this branch, which leads with this vote, lead no longer, whatever the others do: it votes for another voter in
    /// the next term. That one is not told. Should it ask for the vote, its log is compared as ever; any other voter may
    /// have the vote instead, since this is the lowest of them.
    async fn resign(&self, vote: Vote, metrics: &Metrics) {
        let others = metrics.membership_config.voter_ids().filter(|id| *id != metrics.id);
        let Some(lowest) = others.min() else { return };
        let leader_id = LeaderId {
            term: vote.leader_id.term + 1,
            node_id: lowest,
        };
        let any_log = LogId {
            leader_id,
            index: ANY_INDEX,
        };
        let next = Vote {
            leader_id,
            committed: false,
        };
        let mut request = VoteRequest::new(next, Some(any_log));
        // The lease is this leader's own.
        request.leadership_transfer = true;
        if let Err(error) = self.raft.vote(request).await {
            tracing::warn!(%error, "the lead was not given up");
        }
    }
}

/// Watches over who leads, as long as the engine runs.
pub(super) fn watch(engine: Engine) {
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
    /// This branch's vote, and since when it is that.
    vote: Vote,
    vote_since: Instant,
    patience: Patience,
    /// When the newest message that a quorum has answered this leader was sent, and for how many looks it is that.
    answered: Option<openraft::alias::InstantOf<TypeConfig>>,
    unanswered_looks: u32,
    /// How often votes were asked for since a leader was last heard.
    rounds: u32,
    /// The last suspicion after which the leader's address was asked, and whether its process is gone.
    probed: Option<(Instant, bool)>,
}

impl Watcher {
    async fn run(mut self) {
        let mut due = Instant::now();
        loop {
            // A branch that did not run for a while has not heard what has come meanwhile.
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

    /// Does what there is to do, and says when to look again; `None`: the engine has ended.
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

    async fn lead(&mut self, metrics: &Metrics) {
        let patience = self.patience.now(Instant::now(), self.timing().unanswered_max());
        let led_for = self.vote_since.elapsed();
        let answered = metrics.last_quorum_acked.map(|at| at.into_inner());
        if answered != self.answered {
            (self.answered, self.unanswered_looks) = (answered, 0);
        }
        self.unanswered_looks = self.unanswered_looks.saturating_add(1);
        // On a busy host this branch has few looks, and the answers as little time to come.
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
                    "gives up the lead: no majority of the voters has answered for {} ms; the others elect a leader where \
                     they can",
                    unanswered.as_millis()
                );
                // One that hears this branch, though it is not heard here, begins at once.
                if let Some(next) = Engine::most_advanced(metrics, |_| true) {
                    // An engine that has ended leads no more either.
                    let _ = self.engine.raft.trigger().transfer_leader(next).await;
                }
                self.engine.resign(metrics.vote, metrics).await;
            }
        }
    }

    async fn follow(&mut self, metrics: &Metrics) -> Duration {
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

    /// Asks the other voters for votes, each voter at a time of its own, unless something happens before that.
    async fn stand(&mut self, metrics: &Metrics, view: follow::View) -> Duration {
        let (me, vote) = (metrics.id, metrics.vote);
        let leader = vote.leader_id.node_id;
        let mut others: Vec<u64> = metrics.membership_config.voter_ids().collect();
        others.retain(|id| *id != leader || !vote.committed);
        others.sort_unstable();
        let voters = u32::try_from(others.len()).unwrap_or(u32::MAX);
        let round = STAND_APART.saturating_mul(voters);
        let mut rank = others.iter().position(|id| *id == me).unwrap_or_default();
        if self.engine.is_disk_full() {
            // After those that can write.
            rank += others.len();
        }
        // A leader that is silent for too long has outlived its lease.
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
