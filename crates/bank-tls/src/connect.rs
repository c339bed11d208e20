//! The side of a TLS connection that opened it: a branch or a client.

use std::io;

use bank_auth::Secret;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use crate::accept::Purpose;
use crate::credentials::{Credentials, Peer};

/// The branch that should answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Id of the bank, if it is known.
    pub bank: Option<Uuid>,
    /// Number of the branch, if it is known.
    pub branch: Option<u32>,
    /// Host that was connected to. If the bank or the branch is not known, the certificate must be valid for this host.
    pub host: String,
}

/// A connection that was opened.
pub struct Connected {
    /// The encrypted stream.
    pub stream: TlsStream<TcpStream>,
    /// The branch that answered.
    pub peer: Peer,
    /// As [`crate::accept::Accepted::channel_secret`].
    pub channel_secret: Secret,
}

/// Error of opening a connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection failed, or the handshake did.
    #[error("the TLS handshake failed: {0}")]
    Tls(#[from] io::Error),
}

impl ConnectError {
    /// Whether the other side answered and is the wrong one. A retry cannot succeed until something is changed.
    pub fn is_refusal(&self) -> bool {
        todo!()
    }
}

/// Does the TLS handshake at the side that opened the connection. The caller bounds the time.
///
/// # Errors
/// See [`ConnectError`]. The connection cannot be used then.
pub async fn connect(
    credentials: &Credentials,
    purpose: Purpose,
    expected: &Expected,
    stream: TcpStream,
) -> Result<Connected, ConnectError> {
    let _ = (credentials, purpose, expected, stream);
    todo!()
}
