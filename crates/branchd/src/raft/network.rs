//! openraft's messages to one other branch, over gRPC.

use std::future::Future;
use std::io;
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use openraft::base::BoxFuture;
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption, RaftNetworkFactory,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendError, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::log_store::KnownTerm;
use super::machine::BooksCopy;
use super::types::{Member, Snapshot, SnapshotMeta, TypeConfig, Vote};
use super::wire;
use crate::peer::{Identity, Peers};

/// The least time a message is given: openraft's own limits go down to the heartbeat interval, in which a connection
/// over a real network need not come about.
const RPC_TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// Between two tries to reach a branch that was not there: it is found again so soon after it is back, and costs next to
/// nothing while it is not.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// How much of the books goes into one message, in bytes, and how many such messages wait at once.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNKS_QUEUED_MAX: usize = 4;

type RpcError = RPCError<TypeConfig>;

/// Makes [`Network`]s.
pub(crate) struct NetworkFactory {
    pub(crate) identity: Identity,
    pub(crate) peers: Peers,
    pub(super) term: KnownTerm,
}

impl RaftNetworkFactory<TypeConfig> for NetworkFactory {
    type Network = Network;

    async fn new_client(&mut self, target: u64, member: &Member) -> Network {
        Network {
            identity: self.identity,
            peers: self.peers.clone(),
            term: self.term.clone(),
            target,
            member: member.clone(),
        }
    }
}

/// The way to one replica.
pub(crate) struct Network {
    identity: Identity,
    peers: Peers,
    term: KnownTerm,
    target: u64,
    member: Member,
}

impl Network {
    fn client(&self) -> Result<BranchServiceClient<Channel>, RpcError> {
        self.peers
            .client(self.member.branch, &self.member.address)
            .map_err(|status| self.failed(status))
    }

    fn peer(&self) -> v1::Peer {
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

    fn malformed(&self, error: wire::Malformed) -> RpcError {
        RPCError::Network(NetworkError::new(&AnyError::error(format!("{}: {error}", self.member))))
    }

    /// Checks a vote in an answer, which the engine takes as its own if it is higher.
    fn reachable(&self, vote: &Vote) -> Result<(), RpcError> {
        wire::reachable(vote, self.term.get()).map_err(|error| self.malformed(error))
    }

    /// A candidate's answer, checked.
    fn voted(&self, response: v1::VoteResponse) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let response = wire::vote_response_back(response).map_err(|error| self.malformed(error))?;
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
        Some(Backoff::new(std::iter::repeat(TRY_AGAIN)))
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
                .map(move |request| wire::append_request(&request, peer.take()));
            let responses = self.within(&option, client.append(requests)).await?;
            let network = &*self;
            let results = responses.map(move |response| {
                let response = response.map_err(|status| network.failed(status))?;
                let result = wire::append_response_back(response).map_err(|error| network.malformed(error))?;
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
            .within(&option, client.vote(wire::vote_request(&request, self.peer())))
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
            request: Some(wire::vote_request(&request, self.peer())),
        };
        let response = self.within(&option, client.pre_vote(request)).await?.response;
        let response = response.ok_or_else(|| self.malformed(wire::Malformed("no response in a pre-vote".into())))?;
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
            from_leader: Some(wire::vote(request.from_leader())),
            to_replica: *request.to_node_id(),
            last_log_id: request.last_log_id().map(wire::log_id),
        };
        let response = self.within(&option, client.transfer_leader(message)).await?;
        if response.refused.is_empty() {
            return Ok(Ok(()));
        }
        Err(RPCError::Network(NetworkError::new(&AnyError::error(response.refused))))
    }
}

impl NetSnapshot<TypeConfig> for Network {
    type SnapshotData = BooksCopy;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let mut client = self.client()?;
        let (sender, receiver) = mpsc::channel(CHUNKS_QUEUED_MAX);
        let send = send_copy(self.peer(), vote, snapshot, sender);
        let install = client.install_snapshot(ReceiverStream::new(receiver));
        let both = async {
            // The status says more than the failed sending that it causes, so it goes first.
            let (installed, sent) = futures::join!(install, send);
            match (installed, sent) {
                (Ok(response), _) => Ok(response.into_inner()),
                (Err(status), Ok(())) => Err(self.failed(status)),
                (Err(status), Err(error)) => Err(self.failed(Status::unavailable(format!(
                    "{}; and sending: {error}",
                    status.message()
                )))),
            }
        };
        let response = tokio::select! {
            closed = cancel => return Err(StreamingError::Closed(closed)),
            response = tokio::time::timeout(option.soft_ttl().max(RPC_TIMEOUT_MIN), both) => match response {
                Ok(response) => response?,
                Err(_) => return Err(self.failed(Status::deadline_exceeded("the books were not taken in time")).into()),
            },
        };
        let vote = wire::vote_back(response.vote).map_err(|error| self.malformed(error))?;
        self.reachable(&vote)?;
        Ok(SnapshotResponse::new(vote))
    }
}

/// Copies the books and sends the copy: a header, then its bytes.
async fn send_copy(
    peer: v1::Peer,
    vote: Vote,
    snapshot: Snapshot,
    sender: mpsc::Sender<v1::InstallSnapshotRequest>,
) -> io::Result<()> {
    use v1::install_snapshot_request::Part;
    let known = snapshot.meta;
    let copied = tokio::task::spawn_blocking(move || snapshot.snapshot.into_file());
    let (copy, fresh) = copied.await.map_err(io::Error::other)??;
    let SnapshotMeta {
        last_log_id,
        last_membership,
    } = fresh.unwrap_or(known);

    let mut file = tokio::fs::File::open(copy.path()).await?;
    let header = v1::SnapshotHeader {
        peer: Some(peer),
        vote: Some(wire::vote(&vote)),
        last_log_id: last_log_id.as_ref().map(wire::log_id),
        last_membership: Some(wire::stored_membership(&last_membership)),
        length: file.metadata().await?.len(),
    };
    let gone = |_| io::Error::other("the other branch has stopped taking the books");
    let message = v1::InstallSnapshotRequest {
        part: Some(Part::Header(header)),
    };
    sender.send(message).await.map_err(gone)?;
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let len = file.read(&mut chunk).await?;
        if len == 0 {
            return Ok(());
        }
        chunk.truncate(len);
        let message = v1::InstallSnapshotRequest {
            part: Some(Part::Chunk(chunk)),
        };
        sender.send(message).await.map_err(gone)?;
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
        let mut network = Network {
            identity: Identity {
                bank_id: Uuid::nil(),
                branch: 1,
                replica: 1,
            },
            peers: Peers::new(
                BTreeMap::new(),
                bank_auth::Party::Operator,
                bank_auth::Secret::random().expect("randomness"),
            ),
            term: KnownTerm::default(),
            target: 2,
            member: Member {
                branch: 2,
                address: there.local_addr().expect("bound").to_string(),
                ..Member::default()
            },
        };
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
