//! Who is a branch of the bank: how that begins, what it is, and how it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use bank_proto::v1;
use openraft::error::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::raft::Precondition;
use openraft::rt::WatchReceiver;
use openraft::{ChangeMembers, Instant, RaftMetrics, ServerState};

use super::convert::{self, Malformed};
use super::engine::{Engine, Replica};
use super::types::{LogId, Member, StoredMembership, TypeConfig};

/// How often a change that the engine refuses until an earlier one has committed is tried again, while a bank is founded:
/// that commit takes a few milliseconds, and the founding waits for it.
const FOUNDING_RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// Which membership: later ones are greater. The least is of a branch that knows none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Version(Option<LogId>);

impl Version {
    pub(crate) fn to_wire(self) -> Option<v1::LogId> {
        self.0.as_ref().map(convert::log_id)
    }

    /// # Errors
    /// The message is malformed.
    pub(crate) fn from_wire(message: Option<v1::LogId>) -> Result<Self, Malformed> {
        convert::log_id_back_opt(message).map(Self)
    }

    #[cfg(test)]
    pub(crate) fn at(index: u64) -> Self {
        Self(Some(LogId {
            leader_id: super::types::LeaderId { term: 1, node_id: 1 },
            index,
        }))
    }
}

/// Who is a branch of the bank, in one membership.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seats {
    pub(crate) version: Version,
    /// By number. A number stands twice while a lost branch is being replaced.
    pub(crate) replicas: Vec<Replica>,
    /// The replicas that vote once no voters are being exchanged any more.
    pub(crate) voters: BTreeSet<u64>,
    /// Voters are being exchanged: a majority of the old and one of the new have to agree until that is finished.
    pub(crate) exchanging: bool,
    /// A quorum has this membership on its disks.
    pub(crate) committed: bool,
}

/// What a leader knows of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// The replicas that answer, this one among them.
    pub(crate) answering: BTreeSet<u64>,
    /// Up to which log index each replica has the leader's log.
    pub(crate) matched: BTreeMap<u64, u64>,
    /// The leader's last log index.
    pub(crate) last: u64,
}

/// A change of who is a branch of the bank. Its parts take effect together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// Replicas that are added, or whose entry is replaced. Those added do not vote.
    pub(crate) set: Vec<Replica>,
    /// Replicas that do not vote and are taken out.
    pub(crate) remove: BTreeSet<u64>,
    /// All who vote afterwards. Those who vote now and are not among them are taken out.
    pub(crate) voters: Option<BTreeSet<u64>>,
}

/// Why a change was not made, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("this branch does not lead")]
    NotLeader,
    #[error("the membership has changed meanwhile, or an earlier change of it is still under way")]
    Overtaken,
    /// It may have been made.
    #[error("{0}")]
    Unknown(String),
}

/// Says when the membership or the leader may have changed.
pub(crate) struct News(openraft::alias::WatchReceiverOf<TypeConfig, openraft::metrics::RaftServerMetrics<TypeConfig>>);

impl News {
    /// Returns at once where something has changed since the last call. `false`: the engine has stopped.
    pub(crate) async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl Engine {
    /// Begins the bank with these voters, of whom this branch is one, and waits until one of them leads. Begun already:
    /// waits only.
    ///
    /// # Errors
    /// The engine refuses, or no leader came about in time.
    pub(crate) async fn begin(&self, voters: &[Replica], limit: Duration) -> io::Result<()> {
        match self.raft.initialize(members(voters)).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
        // A leader's first entry of its term comes after the membership: once that is applied, the next change may come.
        let led = |m: &RaftMetrics<TypeConfig>| {
            let applied_in = m.last_applied.map(|log_id| log_id.leader_id.term);
            m.current_leader.is_some() && applied_in == Some(m.vote.leader_id.term)
        };
        let led = self.raft.wait(Some(limit)).metrics(led, "a leader").await;
        led.map(drop).map_err(io::Error::other)
    }

    /// Adds the branches of a bank that is being founded that do not vote, all at once.
    ///
    /// # Errors
    /// This branch does not lead, or the change did not commit in time.
    pub(crate) async fn add_learners(&self, learners: &[Replica], limit: Duration) -> io::Result<()> {
        let changed = async {
            loop {
                let change = ChangeMembers::AddNodes(members(learners));
                match self.raft.change_membership(change, false).await {
                    Ok(_) => return Ok(()),
                    // Refused until the change before has committed.
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

    /// The newest membership that this branch has, committed or not.
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

    /// What this branch knows of the others; `None` where it does not lead. A replica answers if it has acknowledged
    /// something that was sent within the window.
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

    /// Follows the membership and who leads.
    pub(crate) fn news(&self) -> News {
        News(self.raft.server_metrics())
    }

    /// Changes the membership, provided that it still is the one that the change was thought out for. Where voters are
    /// exchanged, returns after that is finished; without parts, a change finishes an exchange that was cut short.
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
        // A branch that votes no longer is no longer a member either.
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

    /// Begins to exchange voters, and leaves it at that, as a leader does that dies in between.
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

    /// Whether this branch stands for election where it hears of no leader.
    pub(crate) fn stand_for_election(&self, stands: bool) {
        self.raft.runtime_config().elect(stands);
    }
}

fn seats(stored: &StoredMembership, committed: bool) -> Seats {
    let sets = stored.membership().get_joint_config();
    let voting: BTreeSet<u64> = sets.iter().flatten().copied().collect();
    let mut replicas: Vec<Replica> = stored
        .nodes()
        .map(|(id, m)| Replica {
            id: *id,
            branch: m.branch,
            address: m.address.clone(),
            voter: voting.contains(id),
            to_vote: m.to_vote,
            replaces: m.replaces,
        })
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
        to_vote: r.to_vote,
        replaces: r.replaces,
    };
    replicas.iter().map(|r| (r.id, member(r))).collect()
}
