//! What the other branches say to the engine, from messages to openraft and back.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bank_proto::v1;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use openraft::error::RaftError;
use tokio::io::AsyncWriteExt;
use tonic::Status;

use super::engine::{Engine, stopped};
use super::log_store::KnownTerm;
use super::machine::{BooksCopy, TemporaryFile, decode};
use super::types::{Snapshot, TypeConfig, Vote};
use super::wire;
use crate::books::examine_copy;
use crate::clock::monotonic_us;

impl Engine {
    /// Serves a leader's stream of entries, until it or `until` ends. Here and below, `sender` is the replica at the other
    /// end of the connection.
    pub(crate) fn append(
        &self,
        requests: impl Stream<Item = Result<v1::AppendRequest, Status>> + Send + 'static,
        sender: u64,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> BoxStream<'static, Result<v1::AppendResponse, Status>> {
        let me = *self.raft.node_id();
        let term = self.term.clone();
        // A request that is none ends the stream, and the leader opens another. Its sender is told why.
        let (bad, mut why) = tokio::sync::mpsc::channel(1);
        let heard_us = Arc::clone(&self.heard_us);
        let requests = requests
            .take_until(until)
            .map(move |request| {
                let request = request.and_then(|request| {
                    let request = wire::append_request_back(request).map_err(malformed)?;
                    wire::sound_append(&request, me).map_err(malformed)?;
                    admissible(&request.vote, sender, &term)?;
                    heard_us.store(monotonic_us(), Ordering::Relaxed);
                    Ok(request)
                });
                request.map_err(|status| {
                    tracing::debug!(reason = status.message(), "a leader's stream of entries broke off");
                    // Only the first is told, and there is none after it.
                    let _ = bad.try_send(status);
                })
            })
            .take_while(|request| futures::future::ready(request.is_ok()))
            .filter_map(|request| futures::future::ready(request.ok()));
        let results = self.raft.stream_append(requests);
        let results = results.map(|result| result.map(wire::append_response).map_err(stopped));
        let told = futures::stream::poll_fn(move |cx| why.poll_recv(cx)).map(Err);
        results.chain(told).boxed()
    }

    /// Answers a candidate.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, or UNAVAILABLE where the engine has stopped.
    pub(crate) async fn vote(&self, request: v1::VoteRequest, sender: u64) -> Result<v1::VoteResponse, Status> {
        let request = wire::vote_request_back(request).map_err(malformed)?;
        wire::sound_candidate(&request).map_err(malformed)?;
        admissible(&request.vote, sender, &self.term)?;
        self.raft
            .vote(request)
            .await
            .map(|response| wire::vote_response(&response))
            .map_err(unavailable)
    }

    /// Answers who would be a candidate.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, or UNAVAILABLE where the engine has stopped.
    pub(crate) async fn pre_vote(&self, request: v1::VoteRequest, sender: u64) -> Result<v1::VoteResponse, Status> {
        let request = wire::vote_request_back(request).map_err(malformed)?;
        wire::sound_candidate(&request).map_err(malformed)?;
        admissible(&request.vote, sender, &self.term)?;
        self.raft
            .pre_vote(request)
            .await
            .map(|response| wire::vote_response(&response))
            .map_err(unavailable)
    }

    /// Hears that the leader wants this or another branch to lead.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, or UNAVAILABLE where the engine has stopped.
    pub(crate) async fn transfer_leader(
        &self,
        request: v1::TransferLeaderRequest,
        sender: u64,
    ) -> Result<v1::TransferLeaderResponse, Status> {
        let from = wire::vote_back(request.from_leader).map_err(malformed)?;
        admissible(&from, sender, &self.term)?;
        let last = wire::log_id_back_opt(request.last_log_id).map_err(malformed)?;
        let request = openraft::raft::TransferLeaderRequest::new(from, request.to_replica, last);
        let taken = self.raft.handle_transfer_leader(request).await.map_err(stopped)?;
        Ok(v1::TransferLeaderResponse {
            refused: taken.err().map(|error| error.to_string()).unwrap_or_default(),
        })
    }

    /// Takes a whole copy of the books from the leader: what its header says, then as many bytes as it says.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where it is malformed or short, INTERNAL where it cannot be written here, UNAVAILABLE where the
    /// engine has stopped. The books are then what they were.
    pub(crate) async fn install_snapshot(
        &self,
        header: v1::SnapshotHeader,
        sender: u64,
        chunks: impl Stream<Item = Result<Vec<u8>, Status>> + Send,
    ) -> Result<v1::InstallSnapshotResponse, Status> {
        let meta = wire::snapshot_meta_back(&header).map_err(malformed)?;
        let vote = wire::vote_back(header.vote).map_err(malformed)?;
        wire::sound_snapshot(&vote, &meta, *self.raft.node_id()).map_err(malformed)?;
        admissible(&vote, sender, &self.term)?;
        let file = TemporaryFile::in_directory(&self.scratch);
        receive(&file, header.length, chunks).await?;
        // The engine takes a copy for good as soon as it has one: what is wrong with it must be found now.
        let (bank_id, path) = (self.bank_id, file.path().to_owned());
        let examined = tokio::task::spawn_blocking(move || examine_copy(&path, *bank_id.as_bytes())).await;
        let marker = examined.map_err(|error| Status::internal(error.to_string()))?;
        let marker = marker.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let held = decode(&marker).map_err(|error| Status::invalid_argument(error.to_string()))?;
        if held != (meta.last_log_id, meta.last_membership.clone()) {
            return Err(Status::invalid_argument(
                "the copy of the books holds another state than its header says",
            ));
        }
        let snapshot = Snapshot {
            meta,
            snapshot: BooksCopy::Received(file),
        };
        let response = self.raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?;
        Ok(v1::InstallSnapshotResponse {
            vote: Some(wire::vote(&response.vote)),
        })
    }
}

/// A vote is the sender's own, and its term within reach.
fn admissible(vote: &Vote, sender: u64, term: &KnownTerm) -> Result<(), Status> {
    wire::own(vote, sender).map_err(malformed)?;
    wire::reachable(vote, term.get()).map_err(malformed)
}

/// Writes exactly as many bytes as were announced into the file.
async fn receive(
    file: &TemporaryFile,
    length: u64,
    chunks: impl Stream<Item = Result<Vec<u8>, Status>> + Send,
) -> Result<(), Status> {
    let io_failed = |error: io::Error| Status::internal(format!("{}: {error}", file.path().display()));
    let mut out = tokio::fs::File::create_new(file.path()).await.map_err(io_failed)?;
    let mut written = 0u64;
    let mut chunks = std::pin::pin!(chunks);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        written = written.saturating_add(chunk.len() as u64);
        if written > length {
            break;
        }
        out.write_all(&chunk).await.map_err(io_failed)?;
    }
    if written != length {
        let why = format!("the copy of the books has {written} bytes or more, its header says {length}");
        return Err(Status::invalid_argument(why));
    }
    out.sync_all().await.map_err(io_failed)
}

pub(super) fn malformed(error: wire::Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

fn unavailable(error: RaftError<TypeConfig>) -> Status {
    Status::unavailable(error.to_string())
}
