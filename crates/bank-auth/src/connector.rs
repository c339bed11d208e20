//! Opens connections to a branch and does the handshake on them, as the connector of an HTTP/2 client.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::handshake::{self, HandshakeError};
use crate::messages::Party;
use crate::secret::Secret;

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
}

fn place(branch: u32, address: &str) -> String {
    match branch {
        0 => format!("the branch at {address}"),
        _ => format!("branch {branch} at {address}"),
    }
}

impl DialError {
    /// Whether a branch answered and it is the wrong one. A retry cannot succeed until the configuration is changed.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Handshake { error, .. } if error.is_refusal())
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

/// Function that is called with the result of each connection attempt of a [`Connector`].
pub type Observer = Arc<dyn Fn(Result<(), &DialError>) + Send + Sync>;

/// Opens connections to one branch. Each connection is returned after its handshake.
#[derive(Clone)]
pub struct Connector {
    /// Address of the branch, `HOST:PORT`.
    pub address: String,
    /// Number of the branch that should answer. 0 stands for any branch.
    pub branch: u32,
    /// Identity of this side.
    pub me: Party,
    /// Secret of the bank.
    pub secret: Secret,
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
    pub async fn dial(&self) -> Result<TcpStream, DialError> {
        let dialled = tokio::time::timeout(self.connect_timeout, TcpStream::connect(&self.address)).await;
        let dialled = dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        // Requests are small, and a caller waits for each.
        let mut stream = dialled
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(DialError::Unreachable)?;
        match handshake::connect(&mut stream, &self.secret, self.me, self.branch).await {
            Ok(_) => Ok(stream),
            Err(error) => Err(DialError::Handshake {
                branch: self.branch,
                address: self.address.clone(),
                error,
            }),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
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
