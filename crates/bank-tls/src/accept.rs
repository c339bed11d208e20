//! The side of a TLS connection that was connected to: a branch.

use std::io;

use bank_auth::Secret;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::alert;
use crate::certificate::BadCertificate;
use crate::channel;
use crate::credentials::{Credentials, Peer};
use crate::subject::Subject;

pub use crate::channel::Purpose;

/// First byte of a TLS connection: the content type of a handshake record (RFC 8446, section 5.1).
pub const FIRST_BYTE: u8 = 0x16;

/// An accepted connection.
pub struct Accepted {
    /// The encrypted stream.
    pub stream: TlsStream<TcpStream>,
    /// What the connection is for.
    pub purpose: Purpose,
    /// The other side, which is of the own bank: a branch for [`Purpose::Branch`], a client otherwise. `None` if it gave no
    /// certificate, which only a client may do.
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
    /// The certificate of the other side is not accepted.
    #[error("the certificate of the other side {0}")]
    Certificate(BadCertificate),
    /// The other side does not accept the certificate of this one, or the connection.
    #[error("the other side refused the connection: {0}")]
    Refused(String),
    /// The connection is for the calls of a branch, and came without a certificate.
    #[error("a branch must give a certificate, and the other side gave none")]
    NoCertificate,
    /// This side is no branch.
    #[error("only a branch is connected to, and this side has no certificate of a branch")]
    NotABranch,
}

/// Does the TLS handshake at the side that was connected to. The caller bounds the time.
///
/// # Errors
/// See [`AcceptError`]. The connection cannot be used then.
pub async fn accept(credentials: &Credentials, stream: TcpStream) -> Result<Accepted, AcceptError> {
    accept_by_purpose(credentials, credentials, stream).await
}

/// As [`accept`], with other certificates for the connections of branches than for those of clients.
///
/// # Errors
/// See [`AcceptError`]. The connection cannot be used then.
pub async fn accept_by_purpose(
    clients: &Credentials,
    branches: &Credentials,
    stream: TcpStream,
) -> Result<Accepted, AcceptError> {
    let begun = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let offered = begun.client_hello().alpn();
    let (purpose, credentials) =
        match offered.is_some_and(|mut offered| offered.any(|alpn| alpn == Purpose::Branch.alpn())) {
            true => (Purpose::Branch, branches),
            false => (Purpose::Client, clients),
        };
    let loaded = credentials.for_handshake();
    let own = loaded.own.as_ref().ok_or(AcceptError::NotABranch)?;
    let config = loaded.server.clone().ok_or(AcceptError::NotABranch)?;
    let stream = begun
        .into_stream(config)
        .await
        .map_err(|error| match alert::cause(&error) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                AcceptError::Certificate(BadCertificate::of(why, &loaded.ca))
            }
            Some(rustls::Error::AlertReceived(alert)) => AcceptError::Refused(alert::sentence(*alert)),
            _ => AcceptError::Tls(error),
        })?;
    let (_, session) = stream.get_ref();
    // The protocol that is agreed on decides. The certificates were chosen by what was offered.
    if Purpose::of_alpn(session.alpn_protocol()) != purpose {
        return Err(AcceptError::Tls(io::ErrorKind::InvalidData.into()));
    }
    let peer = session.peer_certificates().map(Peer::of_chain).transpose();
    let peer = peer.map_err(AcceptError::Certificate)?;
    match (purpose, peer.as_ref().map(|peer| &peer.named.subject)) {
        (Purpose::Branch, Some(Subject::Branch(_))) | (Purpose::Client, Some(Subject::Client(_)) | None) => {}
        (Purpose::Branch, None) => return Err(AcceptError::NoCertificate),
        (Purpose::Branch, Some(client)) => {
            return Err(AcceptError::Certificate(BadCertificate::NotABranch(client.clone())));
        }
        (Purpose::Client, Some(Subject::Branch(branch))) => {
            return Err(AcceptError::Certificate(BadCertificate::NotAClient(*branch)));
        }
    }
    // The verifier has compared the banks. It is done again because permission depends on it.
    if let Some(peer) = &peer
        && peer.named.bank != own.named.bank
    {
        return Err(AcceptError::Certificate(BadCertificate::OtherBank {
            found: peer.named.bank,
            expected: own.named.bank,
        }));
    }
    let channel_secret = channel::secret(session).map_err(|error| AcceptError::Tls(io::Error::other(error)))?;
    Ok(Accepted {
        stream,
        purpose,
        peer,
        channel_secret,
    })
}
