//! openraft's messages to one other branch, over gRPC.

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
use super::copying::{SENDINGS_MAX, Tries};
use super::log_store::KnownTerm;
use super::succession::FullDisks;
use super::types::{Member, TypeConfig, Vote};
use crate::peers::{Identity, Peers};

/// The least time a message is given: openraft's own limits go down to the heartbeat interval, in which a connection
/// over a real network need not come about.
const RPC_TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// Between two tries to reach a branch that was not there: it is found again so soon after it is back, and costs next to
/// nothing while it is not.
const TRY_AGAIN: Duration = Duration::from_millis(100);

type RpcError = RPCError<TypeConfig>;

/// Makes [`Network`]s.
pub(crate) struct NetworkFactory {
    identity: Identity,
    peers: Peers,
    term: KnownTerm,
    full_disks: FullDisks,
    /// Whole copies of the books take turns.
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

/// The way to one replica.
pub(crate) struct Network {
    identity: Identity,
    peers: Peers,
    term: KnownTerm,
    full_disks: FullDisks,
    target: u64,
    pub(super) member: Member,
    pub(super) sendings: Arc<Semaphore>,
    /// How it went so far, of one that only sends whole copies of the books.
    pub(super) copying: Option<Tries>,
}

impl Network {
    pub(super) fn client(&self) -> Result<BranchServiceClient<Channel>, RpcError> {
        self.peers
            .client(self.member.branch, &self.member.address)
            .map_err(|status| self.failed(status))
    }

    pub(super) fn peer(&self) -> v1::Peer {
        self.identity.greet(self.target)
    }

    /// A branch that is not there is left alone for a while; any other failure may be tried again at once.
    fn failed(&self, status: Status) -> RpcError {
        let error = AnyError::error(format!("{}: {}: {}", self.member, status.code(), status.message()));
        match status.code() {
            Code::Unavailable | Code::FailedPrecondition | Code::DeadlineExceeded => {
                RPCError::Unreachable(Unreachable::new(&error))
            }
            _ => RPCError::Network(NetworkError::new(&error)),
        }
    }

    fn malformed(&self, error: convert::Malformed) -> RpcError {
        RPCError::Network(NetworkError::new(&AnyError::error(format!("{}: {error}", self.member))))
    }

    /// Checks a vote in an answer, which the engine takes as its own if it is higher.
    pub(super) fn reachable(&self, vote: &Vote) -> Result<(), RpcError> {
        convert::reachable(vote, self.term.get()).map_err(|error| self.malformed(error))
    }

    /// A candidate's answer, checked.
    fn voted(&self, response: v1::VoteResponse) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let response = convert::vote_response_back(response).map_err(|error| self.malformed(error))?;
        self.reachable(&response.vote)?;
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
            None => Backoff::new(std::iter::repeat(TRY_AGAIN)),
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
            // The engine spaces its tries by putting the first request off. Without it there is nothing to connect for; and
            // whoever connects before it fails before it, and tries again at once, for ever.
            let Some(first) = input.next().await else {
                return Ok(futures::stream::empty().boxed());
            };
            let mut client = self.client()?;
            let mut peer = Some(self.peer());
            let requests = futures::stream::iter([first])
                .chain(input)
                .map(move |request| convert::append_request(&request, peer.take()));
            let responses = self.within(&option, client.append(requests)).await?;
            let network = &*self;
            let results = responses.map(move |response| {
                let response = response.map_err(|status| network.failed(status))?;
                network.full_disks.tell(network.target, response.disk_full);
                let result = convert::append_response_back(response).map_err(|error| network.malformed(error))?;
                if let Err(StreamAppendError::HigherVote(higher)) = &result {
                    network.reachable(higher)?;
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
            .within(&option, client.vote(convert::vote_request(&request, self.peer())))
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
            request: Some(convert::vote_request(&request, self.peer())),
        };
        let response = self.within(&option, client.pre_vote(request)).await?.response;
        let response =
            response.ok_or_else(|| self.malformed(convert::Malformed("no response in a pre-vote".into())))?;
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
            from_leader: Some(convert::vote(request.from_leader())),
            to_replica: *request.to_node_id(),
            last_log_id: request.last_log_id().map(convert::log_id),
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

    /// Turns that a connection would have come about in many times over.
    const TURNS: usize = 10_000;

    #[tokio::test]
    async fn nobody_is_connected_to_before_there_is_something_to_say() {
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
            bank_auth::Secret::random().expect("randomness"),
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
        let spaced = network.backoff().expect("one of its own").take(3);
        assert_eq!(spaced.collect::<Vec<_>>(), [TRY_AGAIN; 3]);
    }
}
