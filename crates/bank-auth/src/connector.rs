//! Dials a branch and does the handshake, as an HTTP/2 client wants it: a service from an address to a stream.

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

/// Why a branch was not reached, or why another branch answered.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No connection came about.
    #[error("{0}")]
    Unreachable(io::Error),
    /// The handshake failed. The text of a refusal is a sentence of its own.
    #[error("{}{} {error}", place(*branch, address), if error.is_refusal() { "" } else { ":" })]
    Handshake {
        /// The number of the branch that was meant; 0: any.
        branch: u32,
        /// Its address.
        address: String,
        /// What went wrong.
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
    /// Whether the branch was reached and is the wrong one. Trying again does not help until something is changed.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Handshake { error, .. } if error.is_refusal())
    }

    /// The refusal that an error comes from, if it comes from one.
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

/// Hears how each dial of a [`Connector`] ended.
pub type Observer = Arc<dyn Fn(Result<(), &DialError>) + Send + Sync>;

/// Opens connections to one branch. On each, the handshake is done before the connection is handed out.
#[derive(Clone)]
pub struct Connector {
    /// `HOST:PORT`.
    pub address: String,
    /// The number of the branch that is meant; 0: any.
    pub branch: u32,
    /// Who dials.
    pub me: Party,
    /// The bank's.
    pub secret: Secret,
    /// How long a TCP connection may take to come about. The handshake has its own limits.
    pub connect_timeout: Duration,
    /// Hears how each dial ended, so that a failure is not silent where nobody waits for the connection.
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
        // Requests are small and waited for.
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
