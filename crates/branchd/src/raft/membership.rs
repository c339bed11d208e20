//! Who is a branch of the bank: how that begins, and changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use openraft::error::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::{ChangeMembers, RaftMetrics};

use super::engine::{Engine, Replica};
use super::types::{Member, TypeConfig};

/// How often a step that the engine refuses until an earlier one has committed is tried again: at founding only.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);

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

    /// Adds branches that do not vote.
    ///
    /// # Errors
    /// This branch does not lead, or the change did not commit in time.
    pub(crate) async fn add_learners(&self, learners: &[Replica], limit: Duration) -> io::Result<()> {
        self.change(|| ChangeMembers::AddNodes(members(learners)), limit).await
    }

    /// Puts one replica, which learns already, in the place of another: it votes if that one did, and that one is gone.
    ///
    /// # Errors
    /// As for [`Self::add_learners`].
    pub(crate) async fn replace(&self, lost: &Replica, by: u64, limit: Duration) -> io::Result<()> {
        if !lost.voter {
            return self
                .change(|| ChangeMembers::RemoveNodes(BTreeSet::from([lost.id])), limit)
                .await;
        }
        let mut voters: BTreeSet<u64> = self
            .replicas()
            .into_iter()
            .filter(|replica| replica.voter && replica.id != lost.id)
            .map(|r| r.id)
            .collect();
        voters.insert(by);
        self.change(|| ChangeMembers::ReplaceAllVoters(voters.clone()), limit)
            .await
    }

    async fn change(&self, change: impl Fn() -> ChangeMembers<u64, Member>, limit: Duration) -> io::Result<()> {
        let changed = async {
            loop {
                // Whoever votes no longer is no longer a member either.
                match self.raft.change_membership(change(), false).await {
                    Ok(_) => return Ok(()),
                    // Refused until the change before has committed.
                    Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                        ChangeMembershipError::InProgress(_),
                    ))) => tokio::time::sleep(RETRY_INTERVAL).await,
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
        };
        tokio::time::timeout(limit, changed)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn members(replicas: &[Replica]) -> BTreeMap<u64, Member> {
    replicas
        .iter()
        .map(|r| {
            (
                r.id,
                Member {
                    branch: r.branch,
                    address: r.address.clone(),
                },
            )
        })
        .collect()
}
