//! The side of a TLS connection that was connected to: a branch.

use std::io;

use bank_auth::Secret;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::credentials::{Credentials, Peer};

/// First byte of a TLS connection: the content type of a handshake record (RFC 8446, section 5.1).
pub const FIRST_BYTE: u8 = 0x16;

/// What a connection is for. The side that opens it says so by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Calls of clients: ALPN `h2`, or none.
    Client,
    /// Calls of a branch: ALPN `passbook-branch`. The handshake of `bank-auth` follows, keyed with
    /// [`Accepted::channel_secret`].
    Branch,
}

/// An accepted connection.
pub struct Accepted {
    /// The encrypted stream.
    pub stream: TlsStream<TcpStream>,
    /// What the connection is for.
    pub purpose: Purpose,
    /// The other side. `None` if it gave no certificate, which only a client may do.
    pub peer: Option<Peer>,
    /// A secret that only both ends of this connection know, from the exporter of TLS (RFC 8446, section 7.5). It binds
    /// the handshake of `bank-auth` to the connection.
    pub channel_secret: Secret,
}

/// Error of accepting a connection.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The connection failed, or the handshake did.
    #[error("the TLS handshake failed: {0}")]
    Tls(#[from] io::Error),
}

/// Does the TLS handshake at the side that was connected to. The caller bounds the time.
///
/// # Errors
/// See [`AcceptError`]. The connection cannot be used then.
pub async fn accept(credentials: &Credentials, stream: TcpStream) -> Result<Accepted, AcceptError> {
    let _ = (credentials, stream);
    todo!()
}
