//! Receives a snapshot from the leader: answers the offer, writes the snapshot to a file, verifies it and installs it.

use std::io;
use std::path::Path;

use bank_proto::v1;
use futures::{Stream, StreamExt};
use openraft::rt::WatchReceiver;
use tokio::io::AsyncWriteExt;
use tonic::Status;

use super::convert;
use super::engine::Engine;
use super::error::stopped;
use super::snapshot::{Snapshot, SnapshotData, TemporaryFile};
use super::snapshot_limits::{CHUNK_TIMEOUT, travel_timeout};
use super::types::{SnapshotMeta, Vote};
use super::validate;
use crate::disk;
use crate::store::verify_snapshot;

impl Engine {
    /// Answers whether this branch would receive a snapshot now. An empty answer means yes. Any other answer says why
    /// not. `sender` is the replica at the other end of the connection.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the offer is malformed.
    pub(crate) fn offer_snapshot(
        &self,
        offer: v1::OfferSnapshotRequest,
        sender: u64,
    ) -> Result<v1::OfferSnapshotResponse, Status> {
        let vote = convert::vote_from_wire(offer.vote)?;
        validate::admissible(&vote, sender, &self.term)?;
        let refused = if self.receiving.try_lock().is_err() {
            Some(RECEIVING_ANOTHER.to_owned())
        } else {
            self.superseded(&vote)
                .or_else(|| no_room(&self.scratch, offer.length, offer.length))
        };
        Ok(v1::OfferSnapshotResponse {
            refused: refused.unwrap_or_default(),
        })
    }

    /// Receives and installs a snapshot of the leader. The chunks must have as many bytes as the header says. `sender`
    /// is the replica at the other end of the connection.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the snapshot is malformed or has another length, RESOURCE_EXHAUSTED if another snapshot is
    /// being received or the disk has no room, DEADLINE_EXCEEDED if the snapshot arrives too slowly, INTERNAL if it
    /// cannot be written, UNAVAILABLE if the engine has stopped. After an error the ledger database is unchanged and
    /// the received file is removed.
    pub(crate) async fn install_snapshot(
        &self,
        header: v1::SnapshotHeader,
        sender: u64,
        chunks: impl Stream<Item = Result<Vec<u8>, Status>> + Send,
    ) -> Result<v1::InstallSnapshotResponse, Status> {
        let meta = convert::snapshot_meta_from_wire(&header)?;
        let vote = convert::vote_from_wire(header.vote)?;
        validate::snapshot(&vote, &meta, *self.raft.node_id())?;
        validate::admissible(&vote, sender, &self.term)?;
        let _turn = self
            .receiving
            .try_lock()
            .map_err(|_| Status::resource_exhausted(RECEIVING_ANOTHER))?;
        tracing::info!(bytes = header.length, "taking the whole books from the leader");
        let file = TemporaryFile::in_directory(&self.scratch);
        let limit = travel_timeout(header.length);
        tokio::time::timeout(limit, receive(&file, &self.scratch, header.length, chunks))
            .await
            .unwrap_or_else(|_| Err(too_slow(header.length)))
            .inspect_err(|status| tracing::warn!(reason = status.message(), "the whole books were not taken"))?;
        self.verify(&file, &meta).await?;
        let snapshot = Snapshot {
            meta,
            snapshot: SnapshotData::Received(file),
        };
        let response = self.raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?;
        Ok(v1::InstallSnapshotResponse {
            vote: Some(convert::vote_to_wire(&response.vote)),
        })
    }

    /// Verifies the received file before the engine installs it, because the engine does not give an installed snapshot
    /// back.
    async fn verify(&self, file: &TemporaryFile, meta: &SnapshotMeta) -> Result<(), Status> {
        let (bank_id, path) = (self.bank_id, file.path().to_owned());
        let examined = tokio::task::spawn_blocking(move || verify_snapshot(&path, *bank_id.as_bytes())).await;
        let applied_state = examined.map_err(|error| Status::internal(error.to_string()))?;
        let applied_state = applied_state.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let held = SnapshotMeta::try_from(&applied_state);
        let held = held.map_err(|error| Status::invalid_argument(error.to_string()))?;
        if held != *meta {
            return Err(Status::invalid_argument(
                "the copy of the books holds another state than its header says",
            ));
        }
        Ok(())
    }

    /// Says that this branch knows a later term than the sender, if it does. Such a sender no longer leads, and its
    /// snapshot would be sent for nothing.
    fn superseded(&self, vote: &Vote) -> Option<String> {
        let known = self.raft.server_metrics().borrow_watched().vote;
        (known > *vote).then(|| format!("it knows of a later term, {known}"))
    }
}

const RECEIVING_ANOTHER: &str = "it is taking a copy of the books already";

/// Says that the disk has no room for a snapshot, if it has none. `to_come` is the number of bytes that are still to be
/// written to the file. The install then writes all `length` bytes once more into SQLite's write-ahead log.
fn no_room(directory: &Path, to_come: u64, length: u64) -> Option<String> {
    let needed = to_come.saturating_add(length).saturating_add(disk::RESERVE_BYTES);
    match disk::free_bytes(directory) {
        Ok(free) if free >= needed => None,
        Ok(free) => Some(format!(
            "its disk has {} free, and {} are needed to take the books: make room there",
            disk::mib(free),
            disk::mib(needed)
        )),
        Err(error) => Some(format!("it does not know how much room its disk has: {error}")),
    }
}

/// Writes the chunks into the file. They must have exactly `length` bytes.
async fn receive(
    file: &TemporaryFile,
    directory: &Path,
    length: u64,
    chunks: impl Stream<Item = Result<Vec<u8>, Status>> + Send,
) -> Result<(), Status> {
    let io_failed = |error: io::Error| Status::internal(format!("{}: {error}", file.path().display()));
    let mut out = tokio::fs::File::create_new(file.path()).await.map_err(io_failed)?;
    let mut written = 0u64;
    let mut chunks = std::pin::pin!(chunks);
    loop {
        // The room is checked before each chunk, because other programs also write to the disk.
        if let Some(reason) = no_room(directory, length.saturating_sub(written), length) {
            return Err(Status::resource_exhausted(reason));
        }
        let next = tokio::time::timeout(CHUNK_TIMEOUT, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| too_slow(length))? else {
            break;
        };
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

fn too_slow(length: u64) -> Status {
    Status::deadline_exceeded(format!(
        "the copy of the books came too slowly: {CHUNK_TIMEOUT:?} for a chunk, {:?} for all of it",
        travel_timeout(length)
    ))
}
