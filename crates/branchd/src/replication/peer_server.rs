//! The engine's side of the calls that other branches make: their messages are checked before the engine sees them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bank_proto::v1;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tonic::Status;

use super::convert;
use super::engine::Engine;
use super::error::{stopped, unavailable};
use super::validate;
use crate::clock::monotonic_us;

impl Engine {
    /// Serves a leader's stream of entries, until the stream or `until` ends. Here and below, `sender` is the replica
    /// at the other end of the connection.
    pub(crate) fn append(
        &self,
        requests: impl Stream<Item = Result<v1::AppendRequest, Status>> + Send + 'static,
        sender: u64,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> BoxStream<'static, Result<v1::AppendResponse, Status>> {
        let me = *self.raft.node_id();
        let term = self.term.clone();
        let space = self.space.clone();
        let signs = self.succession.signs.clone();
        let room = self.space.clone();
        // A malformed request ends the stream with INVALID_ARGUMENT. The leader opens another stream.
        let (bad, mut why) = tokio::sync::mpsc::channel(1);
        let heard_us = Arc::clone(&self.heard_us);
        let requests = requests
            .take_until(until)
            .map(move |request| {
                let request = request.and_then(|request| {
                    let request = convert::append_request_from_wire(request)?;
                    validate::append(&request, me)?;
                    validate::admissible(&request.vote, sender, &term)?;
                    heard_us.store(monotonic_us(), Ordering::Relaxed);
                    // If the disk has no room to apply entries, they are refused. The leader tries again. Its
                    // heartbeats are still accepted.
                    if !request.entries.is_empty() && space.is_exhausted() {
                        return Err(Status::unavailable(
                            "the disk is full: no entries are taken until there is room",
                        ));
                    }
                    signs.heard_now();
                    Ok(request)
                });
                request.map_err(|status| {
                    tracing::debug!(reason = status.message(), "a leader's stream of entries broke off");
                    // The channel holds one status. The stream ends with the first.
                    let _ = bad.try_send(status);
                })
            })
            .take_while(|request| futures::future::ready(request.is_ok()))
            .filter_map(|request| futures::future::ready(request.ok()));
        let results = self.raft.stream_append(requests);
        // The leader tells the commit of the last entries in a request of its own. The response would repeat that these
        // entries are on the disk.
        let mut told = None;
        let results = results.filter_map(move |result| {
            let repeats = match &result {
                Ok(Ok(matched)) => told.replace(*matched) == Some(*matched),
                _ => false,
            };
            let response = (!repeats).then(|| {
                let mut response = result.map(convert::append_response_to_wire).map_err(stopped)?;
                response.disk_full = room.is_low();
                Ok(response)
            });
            futures::future::ready(response)
        });
        let told = futures::stream::poll_fn(move |cx| why.poll_recv(cx)).map(Err);
        results.chain(told).boxed()
    }

    /// Answers a candidate.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the request is malformed, or UNAVAILABLE if the engine has stopped.
    pub(crate) async fn vote(&self, request: v1::VoteRequest, sender: u64) -> Result<v1::VoteResponse, Status> {
        let request = convert::vote_request_from_wire(request)?;
        validate::candidate(&request)?;
        validate::admissible(&request.vote, sender, &self.term)?;
        self.raft
            .vote(request)
            .await
            .map(|response| convert::vote_response_to_wire(&response))
            .map_err(unavailable)
    }

    /// Answers a branch that asks whether this branch would vote for it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the request is malformed, or UNAVAILABLE if the engine has stopped.
    pub(crate) async fn pre_vote(&self, request: v1::VoteRequest, sender: u64) -> Result<v1::VoteResponse, Status> {
        let request = convert::vote_request_from_wire(request)?;
        validate::candidate(&request)?;
        validate::admissible(&request.vote, sender, &self.term)?;
        self.look_after_leader().await;
        self.raft
            .pre_vote(request)
            .await
            .map(|response| convert::vote_response_to_wire(&response))
            .map_err(unavailable)
    }

    /// Handles the leader's message that it hands the lead over to this branch or to another one.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the request is malformed, or UNAVAILABLE if the engine has stopped.
    pub(crate) async fn transfer_leader(
        &self,
        request: v1::TransferLeaderRequest,
        sender: u64,
    ) -> Result<v1::TransferLeaderResponse, Status> {
        let from = convert::vote_from_wire(request.from_leader)?;
        validate::admissible(&from, sender, &self.term)?;
        let last = convert::optional_log_id_from_wire(request.last_log_id)?;
        let request = openraft::raft::TransferLeaderRequest::new(from, request.to_replica, last);
        let taken = self.raft.handle_transfer_leader(request).await.map_err(stopped)?;
        Ok(v1::TransferLeaderResponse {
            refused: taken.err().map(|error| error.to_string()).unwrap_or_default(),
        })
    }
}
