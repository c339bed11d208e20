//! The task that asks other branches for their digests and acts on a mismatch.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use bank_ledger::{Digest, Ledger, Position};
use bank_proto::v1;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Status;

use super::judge::{Count, Verdict};
use crate::agreement::Agreement;
use crate::directory::divergence_mark;
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, Replica};
use crate::stop::Stop;

/// The time between two questions of a follower to its leader, if something was applied in between. With 50 branches
/// that makes a hundred small calls a second, and none in an idle bank.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);
/// The least time between two questions of a follower whose decisions use rows that were read from the file.
const PACE: Duration = Duration::from_millis(20);
/// How long one question may take. The other branch must first apply the position of the question.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long silent voters are asked again before a branch with a doubted ledger ends.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause between two rounds of questions to silent voters.
const SETTLE_INTERVAL: Duration = Duration::from_millis(100);
/// How long a branch that was found right ignores further doubts. The wrong branch ends within this time.
const QUIET: Duration = Duration::from_secs(5);
/// How long the search for the first different position may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(3);

/// Compares this branch's digests with those of other branches.
pub(crate) struct Comparison {
    pub(crate) identity: Identity,
    pub(crate) engine: Engine,
    pub(crate) peers: Peers,
    pub(crate) agreement: Agreement,
    pub(crate) stop: Stop,
    /// The data directory. A branch that is found wrong writes a mark into it.
    pub(crate) directory: PathBuf,
}

/// A question and its answer.
struct Answer {
    replica: Replica,
    asked: Ledger,
    digest: Result<Option<Digest>, Status>,
}

impl Comparison {
    /// Runs until the branch ends.
    pub(crate) async fn run(self) {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is_planted() {
            return;
        }
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut questions = Questions::default();
        let mut not_before = Instant::now();
        let mut quiet_until = Instant::now();
        while !self.stop.is_set() {
            let due = async {
                tokio::time::sleep_until(not_before).await;
                self.agreement.due().await;
            };
            tokio::select! {
                _ = ticks.tick() => self.ask_all_due(&mut questions),
                () = due => {
                    self.ask_all_due(&mut questions);
                    // Answers to writes wait for a leader's question, so a leader asks without a pause.
                    not_before = Instant::now() + if self.engine.is_leader() { Duration::ZERO } else { PACE };
                }
                Some(answer) = questions.running.join_next() => self.handle_answer(&mut questions, answer.ok()),
            }
            if let Some(position) = self.agreement.take_doubt()
                && Instant::now() >= quiet_until
            {
                self.resolve_mismatch(position).await;
                quiet_until = Instant::now() + QUIET;
            }
        }
    }

    /// Asks the other voters if this branch leads and an answer waits for a confirmation. Asks the leader if this
    /// branch follows and has applied something since the last agreement.
    fn ask_all_due(&self, questions: &mut Questions) {
        if self.engine.is_leader() {
            let Some(newest) = self.agreement.awaited() else { return };
            for voter in self.other_voters() {
                self.ask(questions, voter, newest);
            }
        } else if let Some(leader) = self.engine.leader() {
            let newest = self.agreement.newest();
            let agreed = questions.agreed.get(&leader.id).copied().unwrap_or(0);
            if leader.id != self.identity.replica && newest.position > agreed {
                self.ask(questions, leader, newest);
            }
        }
    }

    /// Asks a branch, unless a question to it is under way.
    fn ask(&self, questions: &mut Questions, replica: Replica, asked: Ledger) {
        if !questions.asked.insert(replica.id) {
            return;
        }
        let question = ask(self.peers.clone(), self.identity, replica.clone(), asked);
        questions.running.spawn(async move {
            let digest = question.await;
            Answer { replica, asked, digest }
        });
    }

    fn handle_answer(&self, questions: &mut Questions, answer: Option<Answer>) {
        let Some(Answer { replica, asked, digest }) = answer else {
            // A question panicked, and it is not known which. The next tick asks every branch again.
            questions.asked.clear();
            return;
        };
        questions.asked.remove(&replica.id);
        match digest {
            Ok(Some(digest)) if digest == asked.digest => {
                self.agreement.confirm(asked.position);
                questions.agreed.insert(replica.id, asked.position);
                // Further rows were read from the file after the question, so another question is due.
                if self.engine.is_leader() && self.agreement.awaited().is_some() {
                    self.ask_all_due(questions);
                }
            }
            Ok(Some(_)) => self.agreement.doubt(asked.position),
            // The other branch no longer keeps the position. The next tick asks about a newer one.
            Ok(None) => {}
            Err(status) => {
                tracing::debug!(
                    branch = replica.branch,
                    reason = status.message(),
                    "a branch did not compare its books"
                )
            }
        }
    }

    fn other_voters(&self) -> Vec<Replica> {
        let mut replicas = self.engine.replicas();
        replicas.retain(|replica| replica.voter && replica.id != self.identity.replica);
        replicas
    }

    /// Finds out who is wrong after a mismatch at `position`. Ends this branch if it is wrong, or if no majority
    /// decides.
    async fn resolve_mismatch(&self, position: Position) {
        let until = Instant::now() + SETTLE_TIMEOUT;
        loop {
            let Some(mine) = self.agreement.at(position) else {
                // The position is too old to decide. If the ledgers differ, the next comparison shows it again.
                return;
            };
            let known = self.gather(Ledger { position, digest: mine }).await;
            let votes = self
                .engine
                .replicas()
                .iter()
                .any(|r| r.voter && r.id == self.identity.replica);
            let digests: Vec<Option<Digest>> = known.iter().map(|(_, digest)| *digest).collect();
            let count = Count {
                mine,
                votes,
                others: &digests,
            };
            match count.verdict() {
                Verdict::Right => return self.log_wrong_branches(position, mine, &known),
                Verdict::Wrong(theirs) => return self.end_as_wrong(position, theirs, &known).await,
                Verdict::Open if Instant::now() < until => tokio::time::sleep(SETTLE_INTERVAL).await,
                Verdict::Open | Verdict::Undecided => return self.end_undecided(position, mine, &known),
            }
        }
    }

    /// Asks every other voter for its digest at a position.
    async fn gather(&self, at: Ledger) -> Vec<(Replica, Option<Digest>)> {
        let asked = self.other_voters().into_iter().map(|voter| async move {
            let digest = ask(self.peers.clone(), self.identity, voter.clone(), at).await;
            (voter, digest.ok().flatten())
        });
        futures::future::join_all(asked).await
    }

    fn log_wrong_branches(&self, position: Position, mine: Digest, known: &[(Replica, Option<Digest>)]) {
        for (replica, digest) in known {
            if let Some(theirs) = digest.filter(|digest| *digest != mine) {
                let branch = replica.branch;
                tracing::error!(
                    branch,
                    position,
                    mine = short(mine),
                    theirs = short(theirs),
                    "the books of branch {branch} are not the bank's: it has to stop"
                );
            }
        }
    }

    async fn end_as_wrong(&self, position: Position, theirs: Digest, known: &[(Replica, Option<Digest>)]) {
        self.stop.serve_no_more();
        let right = known
            .iter()
            .find(|(_, digest)| *digest == Some(theirs))
            .map(|(replica, _)| replica);
        let first = match right {
            Some(replica) => self.first_difference(replica, position).await,
            None => FirstDifference::AtOrBefore(position),
        };
        let (branch, mine) = (self.identity.branch, self.agreement.at(position));
        let line = format!(
            "branch {branch}'s books differ from the bank's {first} (at {position} its digest is {}, the others have \
             {}): move {} aside, start the branch on an empty directory, then `branchd join`",
            mine.map_or("not kept".to_owned(), short),
            short(theirs),
            self.directory.display(),
        );
        let directory = self.directory.clone();
        let text = line.clone();
        let marked = tokio::task::spawn_blocking(move || divergence_mark::write(&directory, &text)).await;
        let marked = marked.map_err(std::io::Error::other).and_then(|written| written);
        self.stop.now(match marked {
            Ok(()) => line,
            Err(error) => format!("{line}; the directory could not be marked ({error}): do not start the branch on it"),
        });
    }

    fn end_undecided(&self, position: Position, mine: Digest, known: &[(Replica, Option<Digest>)]) {
        let others: Vec<String> = known
            .iter()
            .map(|(replica, digest)| {
                let digest = digest.map_or("does not say".to_owned(), |digest| format!("has {}", short(digest)));
                format!("branch {} {digest}", replica.branch)
            })
            .collect();
        self.stop.now(format!(
            "branch {}'s books differ from another branch's at position {position}, and no majority of the voters \
             says whose are right (its digest is {}; {}): it has stopped. If another voter is down, start it, \
             then this one; else compare `branchd export` of both",
            self.identity.branch,
            short(mine),
            others.join(", "),
        ));
    }

    /// Searches the kept positions for the first one that differs from a branch with the right digest.
    async fn first_difference(&self, sound: &Replica, position: Position) -> FirstDifference {
        let kept = self.agreement.positions();
        let mut differs = kept.partition_point(|kept| kept.position < position);
        // Every kept position before this index agrees or is not known.
        let mut unknown = 0;
        let mut agrees = None;
        let until = Instant::now() + SEARCH_TIMEOUT;
        while unknown < differs && Instant::now() < until {
            let middle = unknown + (differs - unknown) / 2;
            let theirs = ask(self.peers.clone(), self.identity, sound.clone(), kept[middle]).await;
            match theirs.ok().flatten() {
                Some(digest) if digest != kept[middle].digest => differs = middle,
                same => {
                    agrees = same.is_some().then_some(middle);
                    unknown = middle + 1;
                }
            }
        }
        let Some(first) = kept.get(differs) else {
            return FirstDifference::AtOrBefore(position);
        };
        match agrees.filter(|agrees| agrees + 1 == differs) {
            Some(agrees) => FirstDifference::After(kept[agrees].position, first.position),
            None => FirstDifference::AtOrBefore(first.position),
        }
    }
}

/// The questions that are under way.
#[derive(Default)]
struct Questions {
    running: JoinSet<Answer>,
    /// The replicas that have not answered yet.
    asked: HashSet<u64>,
    /// The newest position at which each replica has agreed.
    agreed: HashMap<u64, Position>,
}

/// Asks a branch for its digest at a position, and sends this branch's digest along. `None`: the branch does not keep
/// the position.
async fn ask(peers: Peers, identity: Identity, replica: Replica, asked: Ledger) -> Result<Option<Digest>, Status> {
    let mut client = peers.client(replica.branch, replica.for_branches())?;
    let mut request = tonic::Request::new(v1::CompareRequest {
        peer: Some(identity.peer_header(replica.id)),
        position: asked.position,
        digest: asked.digest.0.to_vec(),
    });
    request.set_timeout(ASK_TIMEOUT);
    let answer = tokio::time::timeout(ASK_TIMEOUT, client.compare(request)).await;
    let response = answer
        .map_err(|_| Status::deadline_exceeded("no answer"))??
        .into_inner();
    if response.digest.is_empty() {
        return Ok(None);
    }
    let digest = response.digest.as_slice().try_into();
    let digest = digest.map_err(|_| Status::invalid_argument("malformed message: a digest is not 32 bytes"))?;
    Ok(Some(Digest(digest)))
}

/// The first 16 characters of a digest, enough to distinguish two.
fn short(digest: Digest) -> String {
    let mut text = digest.to_string();
    text.truncate(16);
    text
}

/// Where two ledgers begin to differ.
#[derive(Debug, PartialEq, Eq)]
enum FirstDifference {
    /// The ledgers agree at the first position and differ at the second, which is the next one that was compared.
    After(Position, Position),
    /// The ledgers differ at this position, and no earlier position could be compared.
    AtOrBefore(Position),
}

impl std::fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::After(agrees, differs) if agrees + 1 == *differs => write!(f, "from position {differs} on"),
            Self::After(agrees, differs) => write!(f, "from a position between {} and {differs} on", agrees + 1),
            Self::AtOrBefore(position) => write!(f, "from position {position} or an earlier one on"),
        }
    }
}
