//! Finds out who opened a connection. The first byte tells a customer, who begins with HTTP/2, from a branch or an
//! operator, who begins with the handshake of `bank-auth`.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bank_auth::{BranchIdentity, HandshakeError, Secret, handshake, messages};
use tokio::net::TcpStream;

use crate::callers::Caller;

/// How often the log says that a connection was refused: often enough to be noticed, and seldom enough that a
/// caller that connects again and again does not fill the disk.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Finds out who opens a connection.
pub(crate) struct Authenticator {
    secret: Secret,
    me: BranchIdentity,
    /// When the log last said that a connection was refused.
    said: Mutex<Option<Instant>>,
}

impl Authenticator {
    /// For a branch and its secret.
    pub(crate) fn new(secret: Secret, me: BranchIdentity) -> Self {
        let said = Mutex::new(None);
        Self { secret, me, said }
    }

    /// Finds out who opened a connection. A customer's connection is left as it came; on any other, what follows is
    /// HTTP/2. The caller bounds the time.
    ///
    /// # Errors
    /// The connection was closed, or its handshake failed; it is of no more use.
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
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !error.is_refusal() || said.is_some_and(|said| said.elapsed() < REFUSAL_LOG_INTERVAL) {
            return;
        }
        *said = Some(Instant::now());
        let from = stream
            .peer_addr()
            .map_or("an unknown address".to_owned(), |from| from.to_string());
        tracing::warn!("a connection was refused: {from} {error}");
    }
}
