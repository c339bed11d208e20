//! Sends openraft's messages to one other branch over gRPC.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use openraft::base::BoxFuture;
use openraft::error::{NetworkError, RPCError, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetStreamAppend, NetTransferLeader, NetVote, RPCOption, RaftNetworkFactory,
};
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend};
use tokio::sync::Semaphore;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::convert;
use super::log_store::KnownTerm;
use super::malformed::Malformed;
use super::snapshot_limits::{SENDINGS_MAX, Tries};
use super::succession::fitness::FullDisks;
use super::types::{Member, TypeConfig, Vote};
use super::validate;
use crate::peers::{Identity, Peers};

/// The shortest timeout of a message. openraft's own timeouts go down to the heartbeat interval, which is too short to
/// connect over a real network.
const RPC_TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// The pause between two tries to reach a branch that does not answer. A branch that returns is found within this time,
/// and a try costs almost nothing.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

type RpcError = RPCError<TypeConfig>;

/// openraft's factory of [`Network`]s.
pub(crate) struct NetworkFactory {
    identity: Identity,
    peers: Peers,
    term: KnownTerm,
    full_disks: FullDisks,
    /// Limits how many snapshots are sent at once.
    sendings: Arc<Semaphore>,
}

impl NetworkFactory {
    pub(crate) fn new(identity: Identity, peers: Peers, term: KnownTerm, full_disks: FullDisks) -> Self {
        Self {
            identity,
            peers,
            term,
            full_disks,
            sendings: Arc::new(Semaphore::new(SENDINGS_MAX)),
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for NetworkFactory {
    type Network = Network;

    async fn new_client(&mut self, target: u64, member: &Member) -> Network {
        Network {
            identity: self.identity,
            peers: self.peers.clone(),
            term: self.term.clone(),
            full_disks: self.full_disks.clone(),
            target,
            member: member.clone(),
            sendings: Arc::clone(&self.sendings),
            copying: None,
        }
    }

    async fn new_snapshot_client(&mut self, target: u64, member: &Member) -> Network {
        let mut network = self.new_client(target, member).await;
        network.copying = Some(Tries::default());
        network
    }
}

/// openraft's connection to one replica.
pub(crate) struct Network {
    identity: Identity,
    peers: Peers,
    term: KnownTerm,
    full_disks: FullDisks,
    target: u64,
    pub(super) member: Member,
    pub(super) sendings: Arc<Semaphore>,
    /// The failures so far. Set only for a connection that sends snapshots.
    pub(super) copying: Option<Tries>,
}

impl Network {
    pub(super) fn client(&self) -> Result<BranchServiceClient<Channel>, RpcError> {
        self.peers
            .client(self.member.branch, self.member.for_branches())
            .map_err(|status| self.failed(status))
    }

    pub(super) fn peer(&self) -> v1::Peer {
        self.identity.peer_header(self.target)
    }

    /// The openraft error for a failed call. openraft pauses after `Unreachable`, which stands for a branch that does
    /// not answer, or not until an operator changes something. It may try again at once after any other failure.
    fn failed(&self, status: Status) -> RpcError {
        let error = AnyError::error(format!("{}: {}: {}", self.member, status.code(), status.message()));
        match status.code() {
            Code::Unavailable
            | Code::FailedPrecondition
            | Code::DeadlineExceeded
            | Code::Unauthenticated
            | Code::PermissionDenied => RPCError::Unreachable(Unreachable::new(&error)),
            _ => RPCError::Network(NetworkError::new(&error)),
        }
    }

    fn malformed(&self, error: Malformed) -> RpcError {
        RPCError::Network(NetworkError::new(&AnyError::error(format!("{}: {error}", self.member))))
    }

    /// Checks the term of a vote in an answer. The engine adopts such a vote if it is higher than its own.
    pub(super) fn check_term(&self, vote: &Vote) -> Result<(), RpcError> {
        validate::reachable_term(vote, self.term.get()).map_err(|error| self.malformed(error))
    }

    /// Converts and checks a voter's answer.
    fn voted(&self, response: v1::VoteResponse) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let response = convert::vote_response_from_wire(response).map_err(|error| self.malformed(error))?;
        self.check_term(&response.vote)?;
        Ok(response)
    }

    async fn within<T>(
        &self,
        option: &RPCOption,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, RpcError> {
        let limit = option.soft_ttl().max(RPC_TIMEOUT_MIN);
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.failed(status)),
            Err(_) => Err(self.failed(Status::deadline_exceeded(format!("no answer within {limit:?}")))),
        }
    }
}

impl NetBackoff<TypeConfig> for Network {
    fn backoff(&self) -> Option<Backoff> {
        Some(match &self.copying {
            Some(tries) => tries.backoff(),
            None => Backoff::new(std::iter::repeat(RETRY_PAUSE)),
        })
    }
}

impl NetStreamAppend<TypeConfig> for Network {
    fn stream_append<'s, S>(
        &'s mut self,
        mut input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RpcError>>, RpcError>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            // The engine delays the first request to space its tries. Connecting before that request would fail before
            // the delay, and the engine would try again at once without end.
            let Some(first) = input.next().await else {
                return Ok(futures::stream::empty().boxed());
            };
            let mut client = self.client()?;
            let mut peer = Some(self.peer());
            let requests = futures::stream::iter([first])
                .chain(input)
                .map(move |request| convert::append_request_to_wire(&request, peer.take()));
            let responses = self.within(&option, client.append(requests)).await?;
            let network = &*self;
            let results = responses.map(move |response| {
                let response = response.map_err(|status| network.failed(status))?;
                network.full_disks.tell(network.target, response.disk_full);
                let result = convert::append_response_from_wire(response).map_err(|error| network.malformed(error))?;
                if let Err(StreamAppendError::HigherVote(higher)) = &result {
                    network.check_term(higher)?;
                }
                Ok(result)
            });
            Ok(results.boxed())
        })
    }
}

impl NetVote<TypeConfig> for Network {
    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let mut client = self.client()?;
        let response = self
            .within(
                &option,
                client.vote(convert::vote_request_to_wire(&request, self.peer())),
            )
            .await?;
        self.voted(response)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let mut client = self.client()?;
        let request = v1::PreVoteRequest {
            request: Some(convert::vote_request_to_wire(&request, self.peer())),
        };
        let response = self.within(&option, client.pre_vote(request)).await?.response;
        let response = response.ok_or_else(|| self.malformed(Malformed::missing("response in a pre-vote")))?;
        self.voted(response)
    }
}

impl NetTransferLeader<TypeConfig> for Network {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let mut client = self.client()?;
        let message = v1::TransferLeaderRequest {
            peer: Some(self.peer()),
            from_leader: Some(convert::vote_to_wire(request.from_leader())),
            to_replica: *request.to_node_id(),
            last_log_id: request.last_log_id().map(convert::log_id_to_wire),
        };
        let response = self.within(&option, client.transfer_leader(message)).await?;
        if response.refused.is_empty() {
            return Ok(Ok(()));
        }
        Err(RPCError::Network(NetworkError::new(&AnyError::error(response.refused))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tokio::net::TcpListener;
    use uuid::Uuid;

    /// The number of turns of the event loop that the test waits. A connection needs far fewer.
    const TURNS: usize = 10_000;

    #[tokio::test]
    async fn no_connection_is_opened_before_the_first_request() {
        let there = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let identity = Identity {
            bank_id: Uuid::nil(),
            branch: 1,
            replica: 1,
        };
        let member = Member {
            branch: 2,
            address: there.local_addr().expect("bound").to_string(),
            ..Member::default()
        };
        let peers = Peers::new(
            BTreeMap::new(),
            bank_auth::Party::Operator,
            bank_tls::Proof::Secret(bank_auth::Secret::random().expect("randomness")),
        );
        let mut factory = NetworkFactory::new(identity, peers, KnownTerm::default(), FullDisks::default());
        let mut network = factory.new_client(2, &member).await;
        let option = RPCOption::new(Duration::from_secs(1));
        let turns = async {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = network.stream_append(futures::stream::pending(), option.clone()) => panic!("it had nothing to send"),
            _ = there.accept() => panic!("it connected"),
            () = turns => {}
        }
        let ended = network.stream_append(futures::stream::empty(), option).await;
        assert!(ended.expect("nothing to fail").next().await.is_none());
        let spaced = network.backoff().expect("a backoff").take(3);
        assert_eq!(spaced.collect::<Vec<_>>(), [RETRY_PAUSE; 3]);
    }
}
