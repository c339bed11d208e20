//! The membership of the bank: founds it, reads it and changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use bank_proto::v1;
use openraft::error::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::raft::Precondition;
use openraft::rt::WatchReceiver;
use openraft::{ChangeMembers, Instant, RaftMetrics, ServerState};

use super::convert;
use super::engine::{Engine, Replica};
use super::malformed::Malformed;
use super::types::{LogId, Member, StoredMembership, TypeConfig};

/// The pause between two tries of a change while a bank is founded. The engine refuses a change until the change before
/// it has committed, which takes a few milliseconds.
const FOUNDING_RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// The version of a membership. A later membership has a greater version. The default is the version of a branch that
/// knows no membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Version(Option<LogId>);

impl From<Version> for Option<v1::LogId> {
    fn from(version: Version) -> Self {
        version.0.as_ref().map(convert::log_id_to_wire)
    }
}

impl TryFrom<Option<v1::LogId>> for Version {
    type Error = Malformed;

    fn try_from(message: Option<v1::LogId>) -> Result<Self, Malformed> {
        convert::optional_log_id_from_wire(message).map(Self)
    }
}

#[cfg(test)]
impl Version {
    pub(crate) fn at(index: u64) -> Self {
        Self(Some(LogId {
            leader_id: super::types::LeaderId { term: 1, node_id: 1 },
            index,
        }))
    }
}

/// One membership: the bank's members, and which of them vote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seats {
    pub(crate) version: Version,
    /// The members, ordered by branch number. While a lost branch is being replaced, its number occurs twice.
    pub(crate) replicas: Vec<Replica>,
    /// The voters after the current exchange of voters, if there is one, has finished.
    pub(crate) voters: BTreeSet<u64>,
    /// Whether an exchange of voters (Raft's joint consensus) is under way. Until it has finished, a majority of the
    /// old voters and a majority of the new voters must agree.
    pub(crate) exchanging: bool,
    /// Whether this membership is durable on a quorum.
    pub(crate) committed: bool,
}

/// What a leader knows about the other members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// The replicas that answer, including this one.
    pub(crate) answering: BTreeSet<u64>,
    /// The last log index up to which each replica has the leader's log.
    pub(crate) matched: BTreeMap<u64, u64>,
    /// The leader's last log index.
    pub(crate) last: u64,
}

/// A change of the membership. Its parts take effect together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// Members that are added or replaced. An added member does not vote.
    pub(crate) set: Vec<Replica>,
    /// Members that do not vote and are removed.
    pub(crate) remove: BTreeSet<u64>,
    /// All voters after the change. A current voter that is not among them is removed.
    pub(crate) voters: Option<BTreeSet<u64>>,
}

/// Why a change was not made, or may not have been made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("this branch does not lead")]
    NotLeader,
    #[error("the membership has changed meanwhile, or an earlier change of it is still under way")]
    Overtaken,
    /// It is not known whether the change was made.
    #[error("{0}")]
    Unknown(String),
}

/// Notifies about changes of the membership and of the leader.
pub(crate) struct News(openraft::alias::WatchReceiverOf<TypeConfig, openraft::metrics::RaftServerMetrics<TypeConfig>>);

impl News {
    /// Waits for the next change. Returns at once if something has changed since the last call. `false`: the engine has
    /// stopped.
    pub(crate) async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl Engine {
    /// Starts the bank with these voters, which include this branch, and waits until one of them leads. If the bank has
    /// started already, it only waits.
    ///
    /// # Errors
    /// The engine refuses, or there is no leader within the limit.
    pub(crate) async fn begin(&self, voters: &[Replica], limit: Duration) -> io::Result<()> {
        match self.raft.initialize(members(voters)).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
        // The next change is possible after the leader's first entry of its term is applied, which follows the
        // membership.
        let led = |m: &RaftMetrics<TypeConfig>| {
            let applied_in = m.last_applied.map(|log_id| log_id.leader_id.term);
            m.current_leader.is_some() && applied_in == Some(m.vote.leader_id.term)
        };
        let led = self.raft.wait(Some(limit)).metrics(led, "a leader").await;
        led.map(drop).map_err(io::Error::other)
    }

    /// Adds the members without a vote to a bank that is being founded, in one change.
    ///
    /// # Errors
    /// This branch does not lead, or the change does not commit within the limit.
    pub(crate) async fn add_learners(&self, learners: &[Replica], limit: Duration) -> io::Result<()> {
        let changed = async {
            loop {
                let change = ChangeMembers::AddNodes(members(learners));
                match self.raft.change_membership(change, false).await {
                    Ok(_) => return Ok(()),
                    // The engine refuses the change until the one before it has committed.
                    Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                        ChangeMembershipError::InProgress(_),
                    ))) => tokio::time::sleep(FOUNDING_RETRY_INTERVAL).await,
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
        };
        tokio::time::timeout(limit, changed)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// The newest membership in this branch's log, committed or not.
    pub(crate) fn seats(&self) -> Seats {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let committed = metrics.committed_membership_config.log_id() == metrics.membership_config.log_id();
        seats(&metrics.membership_config, committed)
    }

    /// The newest membership that this branch knows to be committed.
    pub(crate) fn committed_seats(&self) -> Seats {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        seats(&metrics.committed_membership_config, true)
    }

    /// What this leader knows about the other members. `None`: this branch does not lead. A replica counts as answering
    /// if it has acknowledged a message that was sent within the window.
    pub(crate) fn progress(&self, window: Duration) -> Option<Progress> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        if metrics.state != ServerState::Leader {
            return None;
        }
        let heartbeat = metrics.heartbeat.as_ref()?.iter();
        let answering = heartbeat
            .filter(|(id, at)| **id == metrics.id || at.as_ref().is_some_and(|at| at.elapsed() < window))
            .map(|(id, _)| *id)
            .chain([metrics.id])
            .collect();
        let replication = metrics.replication.as_ref()?.iter();
        let matched = replication.filter_map(|(id, matched)| Some((*id, matched.as_ref()?.index)));
        Some(Progress {
            answering,
            matched: matched.collect(),
            last: metrics.last_log_index.unwrap_or(0),
        })
    }

    /// Subscribes to changes of the membership and of the leader.
    pub(crate) fn news(&self) -> News {
        News(self.raft.server_metrics())
    }

    /// Changes the membership, if it still is `of`. A change of voters returns after their exchange has finished. An
    /// empty change finishes an exchange that an earlier leader did not finish.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub(crate) async fn change(&self, of: &Seats, change: Change, limit: Duration) -> Result<(), ChangeError> {
        let Change { set, remove, voters } = change;
        let parts = ChangeMembers::Batch(vec![
            ChangeMembers::SetNodes(members(&set)),
            ChangeMembers::RemoveNodes(remove),
            match voters {
                Some(voters) => ChangeMembers::ReplaceAllVoters(voters),
                None => ChangeMembers::AddVoterIds(BTreeSet::new()),
            },
        ]);
        let unchanged = Precondition::LastMembershipLogId {
            last_membership_log_id: of.version.0,
        };
        // `false`: a voter that is removed does not stay as a learner.
        let changed = self.raft.change_membership_if(parts, false, [unchanged]);
        match tokio::time::timeout(limit, changed).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => Err(ChangeError::NotLeader),
            Ok(Err(RaftError::APIError(
                ClientWriteError::PreconditionFailed(_)
                | ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_)),
            ))) => Err(ChangeError::Overtaken),
            Ok(Err(error)) => Err(ChangeError::Unknown(error.to_string())),
            Err(_) => Err(ChangeError::Unknown(format!("no quorum took it within {limit:?}"))),
        }
    }

    /// Begins an exchange of voters and does not finish it, like a leader that dies in between.
    #[cfg(test)]
    pub(crate) async fn begin_exchange(&self, voters: BTreeSet<u64>) {
        let stored = self.raft.server_metrics().borrow_watched().membership_config.clone();
        let nodes: BTreeMap<u64, Member> = stored.nodes().map(|(id, member)| (*id, member.clone())).collect();
        let both = super::types::Membership::new(vec![stored.voter_ids().collect(), voters], nodes);
        let unchanged = Precondition::LastMembershipLogId {
            last_membership_log_id: *stored.log_id(),
        };
        let both = both.expect("a membership");
        let begun = self
            .raft
            .append_membership(both, openraft::EntryPayload::Blank, [unchanged]);
        begun.await.expect("begun");
    }

    /// Sets whether this branch stands for election if it hears no leader.
    pub(crate) fn stand_for_election(&self, stands: bool) {
        self.raft.runtime_config().elect(stands);
    }
}

fn seats(stored: &StoredMembership, committed: bool) -> Seats {
    let sets = stored.membership().get_joint_config();
    let voting: BTreeSet<u64> = sets.iter().flatten().copied().collect();
    let nodes = stored.nodes();
    let mut replicas: Vec<Replica> = nodes
        .map(|(id, member)| Replica::of(*id, member, voting.contains(id)))
        .collect();
    replicas.sort_by_key(|replica| (replica.branch, replica.id));
    Seats {
        version: Version(*stored.log_id()),
        replicas,
        voters: sets.last().cloned().unwrap_or_default(),
        exchanging: sets.len() > 1,
        committed,
    }
}

fn members(replicas: &[Replica]) -> BTreeMap<u64, Member> {
    let member = |r: &Replica| Member {
        branch: r.branch,
        address: r.address.clone(),
        peer_address: r.peer_address.clone(),
        to_vote: r.to_vote,
        replaces: r.replaces,
    };
    replicas.iter().map(|r| (r.id, member(r))).collect()
}
