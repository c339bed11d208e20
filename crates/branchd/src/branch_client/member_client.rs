//! Calls among the members of one bank. Each message names the sender's bank and branch, and the replica that it is
//! meant for.

use std::time::Duration;

use bank_ledger::Position;
use bank_proto::v1;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use bank_proto::v1::change_members_request::Change;
use tonic::Request;
use tonic::transport::Channel;

use super::error::CallError;
use super::messages::{MembershipAnswer, MembershipChange};
use crate::peers::{Identity, Peers};
use crate::replication::Malformed;
use crate::replication::engine::Replica;
use crate::replication::membership::Version;
use crate::replication::read_index::ReadIndex;

/// Makes calls to other members of this branch's bank. Cheap to clone.
#[derive(Clone)]
pub(crate) struct MemberClient {
    identity: Identity,
    peers: Peers,
}

impl MemberClient {
    pub(crate) fn new(identity: Identity, peers: Peers) -> Self {
        Self { identity, peers }
    }

    /// Asks the leader for a read index. The caller limits the time.
    pub(crate) async fn read_index(&self, leader: &Replica) -> Result<ReadIndex, CallError> {
        let request = v1::ReadIndexRequest {
            peer: Some(self.identity.peer_header(leader.id)),
        };
        let response = self.client(leader)?.read_index(request).await?.into_inner();
        let log_id = response.log_id.ok_or_else(|| Malformed("no read index".to_owned()))?;
        Ok(ReadIndex::try_from(log_id)?)
    }

    /// Asks the leader to change the members. Returns the committed membership that has the change.
    pub(crate) async fn change_members(
        &self,
        leader: &Replica,
        change: &MembershipChange,
        limit: Duration,
    ) -> Result<Version, CallError> {
        let mut request = Request::new(v1::ChangeMembersRequest {
            peer: Some(self.identity.peer_header(leader.id)),
            change: Some(Change::from(change)),
        });
        request.set_timeout(limit);
        let mut client = self.client(leader)?;
        let changed = tokio::time::timeout(limit, client.change_members(request)).await;
        let changed = changed.map_err(|_| CallError::TimedOut(limit))??.into_inner();
        Ok(Version::try_from(changed.membership)?)
    }

    /// Asks another member whether this replica is a member still. The caller limits the time.
    pub(crate) async fn ask_membership(&self, other: &Replica) -> Result<MembershipAnswer, CallError> {
        let request = v1::AskMembershipRequest {
            peer: Some(self.identity.peer_header(other.id)),
        };
        let answer = self.client(other)?.ask_membership(request).await?.into_inner();
        Ok(MembershipAnswer::try_from(answer)?)
    }

    /// Waits until another member has applied a position, and returns the position that it has applied then.
    pub(crate) async fn await_position(
        &self,
        other: &Replica,
        position: Position,
        limit: Duration,
    ) -> Result<Position, CallError> {
        let mut request = Request::new(v1::AwaitPositionRequest {
            peer: Some(self.identity.peer_header(other.id)),
            position,
        });
        request.set_timeout(limit);
        let mut client = self.client(other)?;
        let reached = tokio::time::timeout(limit, client.await_position(request)).await;
        let reached = reached.map_err(|_| CallError::TimedOut(limit))??;
        Ok(reached.into_inner().position)
    }

    fn client(&self, to: &Replica) -> Result<BranchServiceClient<Channel>, CallError> {
        Ok(self.peers.client(to.branch, to.for_branches())?)
    }
}
