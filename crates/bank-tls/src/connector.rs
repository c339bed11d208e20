//! Opens connections to a branch and proves who opens them, as the connector of an HTTP/2 client.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bank_auth::handshake::{self, HandshakeError, READ_TIMEOUT};
use bank_auth::{Party, Secret};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;
use uuid::Uuid;

use crate::accept::Purpose;
use crate::alert;
use crate::connect::{ConnectError, Expected, connect};
use crate::credentials::Credentials;
use crate::stream::Stream;

/// How long a connection of a client rests before TCP asks whether the other host is still there.
const CLIENT_KEEPALIVE: Duration = Duration::from_secs(30);

/// Error of opening a connection to a branch.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No TCP connection was made.
    #[error("{0}")]
    Unreachable(io::Error),
    /// The handshake failed. The text of a refusal names the branch and is a complete sentence.
    #[error("{}{} {error}", place(*branch, address), if error.is_refusal() { "" } else { ":" })]
    Handshake {
        /// Number of the branch that should answer. 0 stands for any branch.
        branch: u32,
        /// Address of the branch.
        address: String,
        /// Error of the handshake.
        error: HandshakeError,
    },
    /// The TLS handshake failed.
    #[error("{}: {error}", place(*branch, address))]
    Tls {
        /// Number of the branch that should answer. 0 stands for any branch.
        branch: u32,
        /// Address of the branch.
        address: String,
        /// Error of the TLS handshake.
        error: ConnectError,
    },
}

fn place(branch: u32, address: &str) -> String {
    match branch {
        0 => format!("the branch at {address}"),
        _ => format!("branch {branch} at {address}"),
    }
}

impl DialError {
    /// Whether a branch answered and it is the wrong one, or it refused this side. A retry cannot succeed until the
    /// configuration is changed.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Unreachable(_) => false,
            Self::Handshake { error, .. } => error.is_refusal(),
            Self::Tls { error, .. } => error.is_refusal(),
        }
    }

    /// The refusal among the sources of an error, if there is one.
    pub fn refusal_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut source = Some(error);
        while let Some(error) = source {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found).filter(|found| found.is_refusal());
            }
            source = error.source();
        }
        None
    }
}

/// How the side that opens a connection proves who it is.
#[derive(Clone)]
pub enum Proof {
    /// By the secret of the bank. Nothing is encrypted.
    Secret(Secret),
    /// By its certificate, over TLS. Without an own certificate, TLS encrypts and proves only who answers.
    Certificate(Credentials),
}

/// Function that is called with the result of each connection attempt of a [`Connector`].
pub type Observer = Arc<dyn Fn(Result<(), &DialError>) + Send + Sync>;

/// Opens connections to one branch. Each connection is returned after its handshake.
#[derive(Clone)]
pub struct Connector {
    /// Address of the branch, `HOST:PORT`.
    pub address: String,
    /// Number of the branch that should answer. 0 stands for any branch.
    pub branch: u32,
    /// Id of the bank, if it is known. Only a certificate names it. Without it, the bank of the own certificate counts.
    pub bank: Option<Uuid>,
    /// Identity of this side. Over TLS, [`Party::Operator`] stands for every client: the certificate says which.
    pub me: Party,
    /// The proof.
    pub proof: Proof,
    /// Longest time to make a TCP connection. The handshake has its own limits.
    pub connect_timeout: Duration,
    /// Called with the result of each attempt, so that a failure is logged even if no call waits for the connection.
    pub observer: Option<Observer>,
}

impl Connector {
    /// Opens one connection.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial(&self) -> Result<Stream, DialError> {
        let dialled = tokio::time::timeout(self.connect_timeout, TcpStream::connect(&self.address)).await;
        let dialled = dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        // Requests are small, and a caller waits for each.
        let mut stream = dialled
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(DialError::Unreachable)?;
        if self.me == Party::Operator {
            keep_alive(&stream).map_err(DialError::Unreachable)?;
        }
        match &self.proof {
            Proof::Secret(secret) => {
                self.prove(&mut stream, secret).await?;
                Ok(Stream::Plain(stream))
            }
            Proof::Certificate(credentials) => self.encrypt(credentials, stream).await,
        }
    }

    /// Does the TLS handshake. A branch proves its replica inside it.
    async fn encrypt(&self, credentials: &Credentials, stream: TcpStream) -> Result<Stream, DialError> {
        let purpose = match self.me {
            Party::Operator => Purpose::Client,
            Party::Branch(_) => Purpose::Branch,
        };
        let expected = Expected {
            bank: self.bank,
            branch: Some(self.branch).filter(|branch| *branch != 0),
            host: host(&self.address).to_owned(),
        };
        let connected = tokio::time::timeout(READ_TIMEOUT, connect(credentials, purpose, &expected, stream)).await;
        let mut connected = connected
            .map_err(|_| self.failed(HandshakeError::TimedOut))?
            .map_err(|error| self.tls_failed(error))?;
        match purpose {
            Purpose::Branch => self.prove(&mut connected.stream, &connected.channel_secret).await?,
            Purpose::Client => {
                let accepted = tokio::time::timeout(READ_TIMEOUT, accepted(&mut connected.stream)).await;
                accepted
                    .map_err(|_| self.failed(HandshakeError::TimedOut))?
                    .map_err(|error| self.refused(&error).unwrap_or_else(|| self.tls_failed(error.into())))?;
            }
        }
        Ok(Stream::tls(connected.stream))
    }

    async fn prove<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, secret: &Secret) -> Result<(), DialError> {
        match handshake::connect(stream, secret, self.me, self.branch).await {
            Ok(_) => Ok(()),
            Err(HandshakeError::Io(error)) => Err(self
                .refused(&error)
                .unwrap_or_else(|| self.failed(HandshakeError::Io(error)))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The refusal in an error of the first read. In TLS 1.3, the other side says only after the handshake that it
    /// refuses the certificate of this one.
    fn refused(&self, error: &io::Error) -> Option<DialError> {
        let Some(rustls::Error::AlertReceived(alert)) = alert::cause(error) else {
            return None;
        };
        Some(self.tls_failed(ConnectError::Refused {
            host: host(&self.address).to_owned(),
            why: alert::sentence(*alert),
        }))
    }

    fn failed(&self, error: HandshakeError) -> DialError {
        DialError::Handshake {
            branch: self.branch,
            address: self.address.clone(),
            error,
        }
    }

    fn tls_failed(&self, error: ConnectError) -> DialError {
        DialError::Tls {
            branch: self.branch,
            address: self.address.clone(),
            error,
        }
    }
}

/// Finds a host that is gone while no call waits. Branches have pings for that.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, CLIENT_KEEPALIVE)?;
    Ok(())
}

/// Waits until the other side has accepted the certificate of this one. In TLS 1.3, the side that opens a connection is
/// done before. A branch speaks first in HTTP/2, so its first byte says so, and a client sends nothing before it. The
/// byte stays in the stream.
async fn accepted(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
    match stream.fill_buf().await?.is_empty() {
        true => Err(io::ErrorKind::UnexpectedEof.into()),
        false => Ok(()),
    }
}

/// The host of `HOST:PORT`, without the brackets of an IPv6 address.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let dialled = connector.dial().await;
            if let Some(observer) = &connector.observer {
                observer(dialled.as_ref().map(drop));
            }
            dialled.map(TokioIo::new)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_has_no_brackets() {
        for (address, expected) in [
            ("bank.example:50001", "bank.example"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:50001", "::1"),
        ] {
            assert_eq!(host(address), expected);
        }
    }
}
