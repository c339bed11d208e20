//! A whole copy of the books, received from the leader: offered, taken one at a time, checked, installed.

use std::io;
use std::path::Path;

use bank_proto::v1;
use futures::{Stream, StreamExt};
use openraft::rt::WatchReceiver;
use tokio::io::AsyncWriteExt;
use tonic::Status;

use super::convert;
use super::copying::{CHUNK_TIMEOUT, travel_timeout};
use super::engine::Engine;
use super::error::stopped;
use super::peer_server::admissible;
use super::state_machine::{BooksCopy, TemporaryFile, decode};
use super::types::{Snapshot, SnapshotMeta, Vote};
use crate::disk;
use crate::store::examine_copy;

impl Engine {
    /// Answers whether a copy of the books would be taken now; with an empty answer it would. Here and below, `sender` is
    /// the replica at the other end of the connection.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where it is malformed.
    pub(crate) fn offer_snapshot(
        &self,
        offer: v1::OfferSnapshotRequest,
        sender: u64,
    ) -> Result<v1::OfferSnapshotResponse, Status> {
        let vote = convert::vote_back(offer.vote)?;
        admissible(&vote, sender, &self.term)?;
        let refused = if self.receiving.try_lock().is_err() {
            Some(TAKING_ANOTHER.to_owned())
        } else {
            self.superseded(&vote)
                .or_else(|| no_room(&self.scratch, offer.length, offer.length))
        };
        Ok(v1::OfferSnapshotResponse {
            refused: refused.unwrap_or_default(),
        })
    }

    /// Takes a whole copy of the books from the leader: what its header says, then as many bytes as it says.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where it is malformed or short, RESOURCE_EXHAUSTED where another one is being taken or there is no
    /// room, DEADLINE_EXCEEDED where it comes too slowly, INTERNAL where it cannot be written here, UNAVAILABLE where the
    /// engine has stopped. The books are then what they were, and nothing of it is left.
    pub(crate) async fn install_snapshot(
        &self,
        header: v1::SnapshotHeader,
        sender: u64,
        chunks: impl Stream<Item = Result<Vec<u8>, Status>> + Send,
    ) -> Result<v1::InstallSnapshotResponse, Status> {
        let meta = convert::snapshot_meta_back(&header)?;
        let vote = convert::vote_back(header.vote)?;
        convert::sound_snapshot(&vote, &meta, *self.raft.node_id())?;
        admissible(&vote, sender, &self.term)?;
        let _turn = self
            .receiving
            .try_lock()
            .map_err(|_| Status::resource_exhausted(TAKING_ANOTHER))?;
        tracing::info!(bytes = header.length, "taking the whole books from the leader");
        let file = TemporaryFile::in_directory(&self.scratch);
        let limit = travel_timeout(header.length);
        tokio::time::timeout(limit, receive(&file, &self.scratch, header.length, chunks))
            .await
            .unwrap_or_else(|_| Err(too_slow(header.length)))
            .inspect_err(|status| tracing::warn!(reason = status.message(), "the whole books were not taken"))?;
        self.check(&file, &meta).await?;
        let snapshot = Snapshot {
            meta,
            snapshot: BooksCopy::Received(file),
        };
        let response = self.raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?;
        Ok(v1::InstallSnapshotResponse {
            vote: Some(convert::vote(&response.vote)),
        })
    }

    /// The engine takes a copy for good as soon as it has one: what is wrong with it must be found before.
    async fn check(&self, file: &TemporaryFile, meta: &SnapshotMeta) -> Result<(), Status> {
        let (bank_id, path) = (self.bank_id, file.path().to_owned());
        let examined = tokio::task::spawn_blocking(move || examine_copy(&path, *bank_id.as_bytes())).await;
        let applied_state = examined.map_err(|error| Status::internal(error.to_string()))?;
        let applied_state = applied_state.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let held = decode(&applied_state).map_err(|error| Status::invalid_argument(error.to_string()))?;
        if held != (meta.last_log_id, meta.last_membership.clone()) {
            return Err(Status::invalid_argument(
                "the copy of the books holds another state than its header says",
            ));
        }
        Ok(())
    }

    /// Why a leader is not one any more, if it is not: all of its copy would be sent in vain.
    fn superseded(&self, vote: &Vote) -> Option<String> {
        let known = self.raft.server_metrics().borrow_watched().vote;
        (known > *vote).then(|| format!("it knows of a later term, {known}"))
    }
}

const TAKING_ANOTHER: &str = "it is taking a copy of the books already";

/// Why there is no room for a copy of which so much is still to come, if there is none. Its file takes up that, and the
/// books' write-ahead log takes all of it once more while it is installed.
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

/// Writes exactly as many bytes as were announced into the file.
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
        // Each time, since others write to the disk as well.
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
