//! Identifies the caller of a connection by its first byte. A customer begins with HTTP/2. A branch or an operator
//! begins with the handshake of `bank-auth`.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bank_auth::{BranchIdentity, HandshakeError, Secret, handshake, messages};
use tokio::net::TcpStream;

use crate::callers::Caller;

/// How often the log reports a refused connection, at most. An operator still notices the refusals, and a caller that
/// connects again and again does not fill the disk.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Identifies the callers of connections.
pub(crate) struct Authenticator {
    secret: Secret,
    me: BranchIdentity,
    /// When the log last reported a refused connection.
    logged: Mutex<Option<Instant>>,
}

impl Authenticator {
    pub(crate) fn new(secret: Secret, me: BranchIdentity) -> Self {
        let logged = Mutex::new(None);
        Self { secret, me, logged }
    }

    /// Identifies the caller of a connection. Nothing is read from a customer's connection. On any other, the handshake
    /// is read, and HTTP/2 follows. The caller of this function bounds the time.
    ///
    /// # Errors
    /// The connection was closed, or the handshake failed. The connection cannot be used any more.
    pub(crate) async fn authenticate(&self, stream: &mut TcpStream) -> io::Result<Caller> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] != messages::MAGIC[0] {
            return Ok(Caller::Customer);
        }
        match handshake::accept(stream, &self.secret, self.me).await {
            Ok(party) => Ok(party.into()),
            Err(error) => {
                self.log_refusal(stream, &error);
                Err(io::Error::other(error))
            }
        }
    }

    fn log_refusal(&self, stream: &TcpStream, error: &HandshakeError) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if !error.is_refusal() || logged.is_some_and(|at| at.elapsed() < REFUSAL_LOG_INTERVAL) {
            return;
        }
        *logged = Some(Instant::now());
        let from = stream
            .peer_addr()
            .map_or("an unknown address".to_owned(), |from| from.to_string());
        tracing::warn!("a connection was refused: {from} {error}");
    }
}
