//! Connections to other branches, and the header of messages between branches. A connection begins with a handshake
//! that proves to both sides who the other is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bank_auth::{BranchIdentity, Party};
use bank_proto::v1;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use bank_tls::{Connector, Observer, Proof};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use uuid::Uuid;

/// The format of messages between branches. A change that an older branch would misread raises it. Since format 2, a
/// connection begins with the handshake of `bank-auth`.
pub(crate) const FORMAT: u32 = 2;

/// How long it may take to make a TCP connection. A host that answers needs one round trip. The handshake after it has
/// limits of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often an open connection is pinged, and how long the answer may take. The connection to a paused or cut-off
/// branch is closed after both times together.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the log repeats that a handshake was refused. The handshake fails until an operator changes something.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The largest message between branches, in bytes: an append of `replication::open::APPEND_ENTRIES_MAX` full entries.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// The identity of this branch in messages to other branches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) bank_id: Uuid,
    pub(crate) branch: u32,
    pub(crate) replica: u64,
}

impl Identity {
    /// The header of a message to a replica.
    pub(crate) fn peer_header(&self, to_replica: u64) -> v1::Peer {
        v1::Peer {
            format: FORMAT,
            bank_id: self.bank_id.as_bytes().to_vec(),
            from_branch: self.branch,
            to_replica,
        }
    }

    /// Checks the header of a message to this branch. `sender` is the branch at the other end of the connection, as the
    /// handshake proved it.
    ///
    /// # Errors
    /// See [`PeerHeaderError`].
    pub(crate) fn check(&self, header: Option<v1::Peer>, sender: BranchIdentity) -> Result<(), PeerHeaderError> {
        let header = header.ok_or(PeerHeaderError::Missing)?;
        let from = header.from_branch;
        if from != sender.branch {
            let sender = sender.branch;
            return Err(PeerHeaderError::OtherSender { from, sender });
        }
        let here = format!("branch {} of bank {}", self.branch, self.bank_id);
        if header.format != FORMAT {
            let format = header.format;
            return Err(PeerHeaderError::OtherFormat { from, format, here });
        }
        if header.bank_id != self.bank_id.as_bytes() {
            let theirs = Uuid::from_slice(&header.bank_id).map_or("no bank".to_owned(), |id| format!("bank {id}"));
            return Err(PeerHeaderError::OtherBank { from, theirs, here });
        }
        if header.to_replica != self.replica {
            return Err(PeerHeaderError::OtherReplica { from, here });
        }
        Ok(())
    }
}

/// Why the header of a message between branches is refused. `here` describes the branch that refuses it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PeerHeaderError {
    #[error("malformed message: no peer")]
    Missing,
    #[error("a message of branch {from} came over a connection of branch {sender}")]
    OtherSender { from: u32, sender: u32 },
    #[error("branch {from} speaks format {format}, {here} speaks {FORMAT}: run the same version on both")]
    OtherFormat { from: u32, format: u32, here: String },
    #[error("branch {from} belongs to {theirs}, this is {here}: check the addresses")]
    OtherBank { from: u32, theirs: String, here: String },
    #[error(
        "a message of branch {from} is for another replica than {here}: this branch has another data directory than the bank knows"
    )]
    OtherReplica { from: u32, here: String },
}

/// Connections to other branches: one for each branch and address, opened when first used. Clones share them.
#[derive(Clone)]
pub(crate) struct Peers {
    channels: Arc<Mutex<HashMap<(u32, String), Channel>>>,
    me: Party,
    proof: Proof,
    /// The branches that this branch reaches at another address than the bank has for them.
    via: Arc<BTreeMap<u32, String>>,
}

impl Peers {
    /// `via` has the branches that this branch reaches at another address than the bank has for them, for example
    /// through a tunnel. Each connection proves `me` by `proof`.
    pub(crate) fn new(via: BTreeMap<u32, String>, me: Party, proof: Proof) -> Self {
        Self {
            channels: Arc::default(),
            me,
            proof,
            via: Arc::new(via),
        }
    }

    /// A client for a branch that the bank has at `address`. It connects when first used, and again after a failure.
    ///
    /// # Errors
    /// UNAVAILABLE if the address is malformed.
    pub(crate) fn client(&self, branch: u32, address: &str) -> Result<BranchServiceClient<Channel>, Status> {
        Ok(BranchServiceClient::new(self.channel(branch, address)?)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// Forgets the open connections, so that the next calls make new ones, with the certificates of now. Calls in progress
    /// go on. A connection that was made with an old certificate would be refused when that one ends.
    pub(crate) fn renew(&self) {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The address at which this branch reaches a branch that the bank has at `known`.
    pub(crate) fn address<'a>(&'a self, branch: u32, known: &'a str) -> &'a str {
        self.via.get(&branch).map_or(known, String::as_str)
    }

    /// The connection to a branch that the bank has at `address`.
    ///
    /// # Errors
    /// UNAVAILABLE if the address is malformed.
    pub(crate) fn channel(&self, branch: u32, address: &str) -> Result<Channel, Status> {
        let address = self.address(branch, address);
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (branch, address.to_owned());
        if let Some(channel) = channels.get(&key) {
            return Ok(channel.clone());
        }
        let channel = connect(Connector {
            address: address.to_owned(),
            branch,
            bank: None,
            me: self.me,
            proof: self.proof.clone(),
            connect_timeout: CONNECT_TIMEOUT,
            observer: Some(log_refusals()),
        })?;
        channels.insert(key, channel.clone());
        Ok(channel)
    }
}

/// Logs refused handshakes. The engine tries again for ever, so a repeated refusal is logged only now and then.
fn log_refusals() -> Observer {
    let logged: Mutex<Option<(String, Instant)>> = Mutex::default();
    Arc::new(move |dialled| {
        let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match dialled {
            Ok(()) => {
                *logged = None;
                return;
            }
            Err(error) if !error.is_refusal() => return,
            Err(error) => error.to_string(),
        };
        let again = |(before, at): &(String, Instant)| *before == error && at.elapsed() < REFUSAL_LOG_INTERVAL;
        if !logged.as_ref().is_some_and(again) {
            tracing::warn!("{error}");
            *logged = Some((error, Instant::now()));
        }
    })
}

fn connect(connector: Connector) -> Result<Channel, Status> {
    let address = &connector.address;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Status::new(Code::Unavailable, format!("{address} is not an address: {error}")))?;
    Ok(endpoint
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(connector))
}
