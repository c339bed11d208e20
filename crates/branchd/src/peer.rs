//! How this branch reaches the others, and how either side knows whom it speaks to.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use uuid::Uuid;

/// Of the messages between branches. Raised by a change that an older branch would misread.
pub(crate) const FORMAT: u32 = 1;

/// How long a connection may take to come about. A host that answers does so in one round trip.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often an open connection is asked for a sign of life, and how long that may take: a paused or cut-off branch is
/// let go after both.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest message between branches, in bytes: an append of `engine::APPEND_ENTRIES_MAX` full entries.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Who this branch is, in every message to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) bank_id: Uuid,
    pub(crate) branch: u32,
    pub(crate) replica: u64,
}

impl Identity {
    /// What a message to a replica says first.
    pub(crate) fn greet(&self, to_replica: u64) -> v1::Peer {
        v1::Peer {
            format: FORMAT,
            bank_id: self.bank_id.as_bytes().to_vec(),
            from_branch: self.branch,
            to_replica,
        }
    }

    /// Checks what a message to this branch says first.
    ///
    /// # Errors
    /// FAILED_PRECONDITION, naming both sides, where the sender is of another bank or format, or means another replica.
    pub(crate) fn check(&self, peer: Option<v1::Peer>) -> Result<(), Status> {
        let peer = peer.ok_or_else(|| Status::invalid_argument("malformed message: no peer"))?;
        let from = peer.from_branch;
        let here = format!("branch {} of bank {}", self.branch, self.bank_id);
        if peer.format != FORMAT {
            return Err(Status::failed_precondition(format!(
                "branch {from} speaks format {}, {here} speaks {FORMAT}: run the same version on both",
                peer.format
            )));
        }
        if peer.bank_id != self.bank_id.as_bytes() {
            let theirs = Uuid::from_slice(&peer.bank_id).map_or("no bank".to_owned(), |id| format!("bank {id}"));
            return Err(Status::failed_precondition(format!(
                "branch {from} is of {theirs}, this is {here}: check the addresses"
            )));
        }
        if peer.to_replica != self.replica {
            return Err(Status::failed_precondition(format!(
                "branch {from} means replica {:016x}, {here} is replica {:016x}: its data directory is another one \
                 than the bank knows",
                peer.to_replica, self.replica
            )));
        }
        Ok(())
    }
}

/// Connections to other branches, one for each address, opened when first used.
#[derive(Debug, Default, Clone)]
pub(crate) struct Peers {
    channels: Arc<Mutex<HashMap<String, Channel>>>,
    /// The branches that are reached from here at another address than the bank knows.
    via: Arc<BTreeMap<u32, String>>,
}

impl Peers {
    /// `via`: the branches that are reached from here at another address than the bank knows, a tunnel's say.
    pub(crate) fn new(via: BTreeMap<u32, String>) -> Self {
        Self {
            channels: Arc::default(),
            via: Arc::new(via),
        }
    }

    /// A client for a branch, which the bank knows at `HOST:PORT`. It connects, and connects again, by itself.
    ///
    /// # Errors
    /// UNAVAILABLE where the address is none.
    pub(crate) fn client(&self, branch: u32, address: &str) -> Result<BranchServiceClient<Channel>, Status> {
        Ok(BranchServiceClient::new(self.channel(branch, address)?)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// The connection to a branch, which the bank knows at `HOST:PORT`.
    ///
    /// # Errors
    /// UNAVAILABLE where the address is none.
    pub(crate) fn channel(&self, branch: u32, address: &str) -> Result<Channel, Status> {
        let address = self.via.get(&branch).map_or(address, String::as_str);
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let channel = connect(address)?;
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }
}

fn connect(address: &str) -> Result<Channel, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Status::new(Code::Unavailable, format!("{address} is no address: {error}")))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_lazy())
}
