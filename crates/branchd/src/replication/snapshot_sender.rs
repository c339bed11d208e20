//! Sends a snapshot to a branch that is too far behind for the log.
//!
//! The branch is asked first. The ledger database is read only after the branch has accepted the offer. The snapshot is
//! then streamed out of the database without a temporary file, so each branch gets a snapshot of its own.

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
use super::peer_client::Network;
use super::snapshot::{Snapshot, SnapshotData};
use super::snapshot_limits::{
    CHUNK_BYTES, CHUNK_TIMEOUT, CHUNKS_QUEUED_MAX, OFFER_TIMEOUT, travel_timeout, whole_timeout,
};
use super::types::{SnapshotMeta, TypeConfig, Vote};
use crate::store::{BooksError, Pages, Reader};

/// Why a branch has no snapshot yet.
enum NotSent {
    /// The branch does not accept an offer now.
    NotAccepted(String),
    /// The branch accepted an offer, and the transfer ended early.
    BrokeOff(String),
}

/// Why a transfer ended early.
enum Stopped {
    /// The receiver has stopped reading. Its answer says why.
    ByReceiver,
    /// This branch cannot continue, for this reason.
    Here(String),
}

impl NetSnapshot<TypeConfig> for Network {
    type SnapshotData = SnapshotData;

    /// Reports every failure as "unreachable", because openraft then pauses as [`super::snapshot_limits::Tries`] says.
    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let sent = tokio::select! {
            closed = cancel => return Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(vote, snapshot) => sent,
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
    async fn send_snapshot(&self, vote: Vote, snapshot: Snapshot) -> Result<SnapshotResponse<TypeConfig>, NotSent> {
        let SnapshotData::Live(reader) = snapshot.snapshot else {
            let reason = "only a branch's own books are sent".to_owned();
            return Err(NotSent::BrokeOff(reason));
        };
        let asked = reader.clone();
        let length = blocking(move || asked.length()).await.map_err(NotSent::BrokeOff)?;
        self.offer(&vote, length).await.map_err(NotSent::NotAccepted)?;
        // Held until the transfer ends. The semaphore is never closed.
        let _turn = self.sendings.acquire().await;
        self.stream_snapshot(vote, reader).await.map_err(NotSent::BrokeOff)
    }

    /// Asks the branch whether it accepts a snapshot of `length` bytes. An error says why it does not.
    async fn offer(&self, vote: &Vote, length: u64) -> Result<(), String> {
        let request = v1::OfferSnapshotRequest {
            peer: Some(self.peer()),
            vote: Some(convert::vote_to_wire(vote)),
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

    async fn stream_snapshot(&self, vote: Vote, reader: Reader) -> Result<SnapshotResponse<TypeConfig>, String> {
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
            (Err(status), _) => return Err(described(&status)),
            (Ok(_), Ok(Err(Stopped::ByReceiver))) => return Err("it was answered before its end".to_owned()),
        };
        tracing::info!(branch = self.member.branch, "a branch has the whole books");
        let vote = convert::vote_from_wire(response.vote).map_err(|error| error.to_string())?;
        self.check_term(&vote).map_err(|error| error.to_string())?;
        Ok(SnapshotResponse::new(vote))
    }

    fn header(&self, vote: &Vote, pages: &Pages) -> io::Result<v1::SnapshotHeader> {
        let meta = SnapshotMeta::try_from(pages.applied_state())?;
        Ok(v1::SnapshotHeader {
            peer: Some(self.peer()),
            vote: Some(convert::vote_to_wire(vote)),
            last_log_id: meta.last_log_id.as_ref().map(convert::log_id_to_wire),
            last_membership: Some(convert::stored_membership_to_wire(&meta.last_membership)),
            length: pages.length(),
        })
    }
}

/// Sends the header, then the pages in chunks.
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

/// Reads the ledger database off the event loop. The error is the text of the failure.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, BooksError> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

fn described(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
