//! A whole copy of the books on its way to a branch that is too far behind for the log.
//!
//! The branch is asked first. Until it says that it takes the copy, nothing is read. Then the copy is streamed out of the
//! books: nothing is written here, so that each branch that needs one has its own.

use std::future::Future;
use std::io;

use bank_proto::v1;
use bank_proto::v1::install_snapshot_request::Part;
use openraft::error::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{NetSnapshot, RPCOption};
use openraft::raft::SnapshotResponse;
use openraft::{AnyError, OptionalSend};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::convert;
use super::copying::{CHUNK_BYTES, CHUNK_TIMEOUT, CHUNKS_QUEUED_MAX, OFFER_TIMEOUT, travel_timeout, whole_timeout};
use super::peer_client::Network;
use super::state_machine::{BooksCopy, decode};
use super::types::{Snapshot, TypeConfig, Vote};
use crate::store::{Pages, Reader};

/// Why a branch has no copy of the books yet.
enum NotSent {
    /// It was offered one, and takes none now.
    NotAccepted(String),
    /// It took one, which broke off.
    BrokeOff(String),
}

/// Why a copy did not get through to its end.
enum Stopped {
    /// The branch takes no more; its answer says why.
    ByReceiver,
    /// This branch cannot go on.
    Here(String),
}

impl NetSnapshot<TypeConfig> for Network {
    type SnapshotData = BooksCopy;

    /// Every failure is "unreachable" to the engine, which then pauses as [`super::copying::Tries`] says.
    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let sent = tokio::select! {
            closed = cancel => return Err(StreamingError::Closed(closed)),
            sent = self.send_copy(vote, snapshot) => sent,
        };
        let not_sent = match sent {
            Ok(response) => return Ok(response),
            Err(not_sent) => not_sent,
        };
        let branch = self.member.branch;
        let tries = self.copying.get_or_insert_default();
        let reason = match not_sent {
            NotSent::NotAccepted(reason) => {
                if tries.not_accepted(&reason) {
                    tracing::info!(
                        branch,
                        reason,
                        "a branch needs a whole copy of the books, and takes none yet"
                    );
                }
                reason
            }
            NotSent::BrokeOff(reason) => {
                tries.broke_off();
                tracing::warn!(
                    branch,
                    reason,
                    "a copy of the books did not reach a branch: it is tried again"
                );
                reason
            }
        };
        let error = AnyError::error(format!("{}: {reason}", self.member));
        Err(RPCError::Unreachable(Unreachable::new(&error)).into())
    }
}

impl Network {
    async fn send_copy(&self, vote: Vote, snapshot: Snapshot) -> Result<SnapshotResponse<TypeConfig>, NotSent> {
        let BooksCopy::Live(reader) = snapshot.snapshot else {
            let reason = "only a branch's own books are sent".to_owned();
            return Err(NotSent::BrokeOff(reason));
        };
        let asked = reader.clone();
        let length = blocking(move || asked.length()).await.map_err(NotSent::BrokeOff)?;
        self.offer(&vote, length).await.map_err(NotSent::NotAccepted)?;
        // Held until the copy is there. It is never closed.
        let _turn = self.sendings.acquire().await;
        self.stream_copy(vote, reader).await.map_err(NotSent::BrokeOff)
    }

    /// Asks whether the branch is there, and takes a copy of so many bytes.
    async fn offer(&self, vote: &Vote, length: u64) -> Result<(), String> {
        let request = v1::OfferSnapshotRequest {
            peer: Some(self.peer()),
            vote: Some(convert::vote(vote)),
            length,
        };
        let absent = || "it does not answer".to_owned();
        let mut client = self.client().map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(OFFER_TIMEOUT, client.offer_snapshot(request)).await;
        let answer = answer.map_err(|_| absent())?.map_err(|status| match status.code() {
            Code::Unavailable | Code::DeadlineExceeded => absent(),
            _ => status.message().to_owned(),
        })?;
        let refused = answer.into_inner().refused;
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }

    async fn stream_copy(&self, vote: Vote, reader: Reader) -> Result<SnapshotResponse<TypeConfig>, String> {
        let mut client = self.client().map_err(|error| error.to_string())?;
        let pages = blocking(move || reader.pages()).await?;
        let length = pages.length();
        let header = self.header(&vote, &pages).map_err(|error| error.to_string())?;
        tracing::info!(
            branch = self.member.branch,
            bytes = length,
            "sending the whole books to a branch"
        );

        let (sender, receiver) = mpsc::channel(CHUNKS_QUEUED_MAX);
        let send = tokio::time::timeout(travel_timeout(length), send_parts(header, pages, sender));
        let install = client.install_snapshot(ReceiverStream::new(receiver));
        let both = tokio::time::timeout(whole_timeout(length), async { futures::join!(install, send) });
        let (installed, sent) = both
            .await
            .map_err(|_| format!("it was not installed within {:?}", whole_timeout(length)))?;
        let response = match (installed, sent) {
            (Ok(response), Ok(Ok(()))) => response.into_inner(),
            (_, Ok(Err(Stopped::Here(reason)))) => return Err(reason),
            (_, Err(_)) => return Err(format!("it was not taken within {:?}", travel_timeout(length))),
            (Err(status), _) => return Err(told(&status)),
            (Ok(_), Ok(Err(Stopped::ByReceiver))) => return Err("it was answered before its end".to_owned()),
        };
        tracing::info!(branch = self.member.branch, "a branch has the whole books");
        let vote = convert::vote_back(response.vote).map_err(|error| error.to_string())?;
        self.reachable(&vote).map_err(|error| error.to_string())?;
        Ok(SnapshotResponse::new(vote))
    }

    fn header(&self, vote: &Vote, pages: &Pages) -> io::Result<v1::SnapshotHeader> {
        let (last_log_id, last_membership) = decode(pages.applied_state())?;
        Ok(v1::SnapshotHeader {
            peer: Some(self.peer()),
            vote: Some(convert::vote(vote)),
            last_log_id: last_log_id.as_ref().map(convert::log_id),
            last_membership: Some(convert::stored_membership(&last_membership)),
            length: pages.length(),
        })
    }
}

/// Sends a header, then the bytes of the pages.
async fn send_parts(
    header: v1::SnapshotHeader,
    mut pages: Pages,
    sender: mpsc::Sender<v1::InstallSnapshotRequest>,
) -> Result<(), Stopped> {
    send(&sender, Part::Header(header)).await?;
    loop {
        let read = move || {
            let chunk = pages.next_chunk(CHUNK_BYTES)?;
            Ok((pages, chunk))
        };
        let (rest, chunk) = blocking(read).await.map_err(Stopped::Here)?;
        pages = rest;
        let Some(chunk) = chunk else { return Ok(()) };
        send(&sender, Part::Chunk(chunk)).await?;
    }
}

async fn send(sender: &mpsc::Sender<v1::InstallSnapshotRequest>, part: Part) -> Result<(), Stopped> {
    let message = v1::InstallSnapshotRequest { part: Some(part) };
    match tokio::time::timeout(CHUNK_TIMEOUT, sender.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Stopped::ByReceiver),
        Err(_) => Err(Stopped::Here(format!("it took nothing for {CHUNK_TIMEOUT:?}"))),
    }
}

/// Reads the books away from the event loop.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, crate::store::BooksError> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

fn told(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
