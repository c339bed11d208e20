//! Who is at the other end of a connection. The first byte tells a customer, who begins with HTTP/2, from a branch or an
//! operator, who begins with the handshake of `bank-auth`.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bank_auth::{BranchIdentity, HandshakeError, Party, Secret, handshake, messages};
use tokio::net::TcpStream;
use tonic::Extensions;

use crate::customers::Visitor;

/// How often the log says that a connection was refused: often enough to be noticed, and seldom enough that a
/// caller that connects again and again does not fill the disk.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Anyone: nothing was proven.
    Customer,
    /// Has the bank's secret, and may change the bank.
    Operator,
    /// A branch that has the bank's secret.
    Branch(BranchIdentity),
}

impl Caller {
    /// Who made a call, by what its connection put beside it. A call without that is a customer's.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Visitor>().map_or(Self::Customer, Visitor::caller)
    }

    /// The branch that it is, if it is one.
    pub(crate) fn branch(self) -> Option<BranchIdentity> {
        match self {
            Self::Branch(branch) => Some(branch),
            Self::Customer | Self::Operator => None,
        }
    }
}

impl From<Party> for Caller {
    fn from(party: Party) -> Self {
        match party {
            Party::Operator => Self::Operator,
            Party::Branch(branch) => Self::Branch(branch),
        }
    }
}

/// Recognises who opens a connection.
pub(crate) struct Doorkeeper {
    secret: Secret,
    me: BranchIdentity,
    /// When the log last said that a connection was refused.
    said: Mutex<Option<Instant>>,
}

impl Doorkeeper {
    /// For a branch and its secret.
    pub(crate) fn new(secret: Secret, me: BranchIdentity) -> Self {
        let said = Mutex::new(None);
        Self { secret, me, said }
    }

    /// Recognises who opened a connection. A customer's connection is left as it came; on any other, what follows is
    /// HTTP/2. The caller bounds the time.
    ///
    /// # Errors
    /// The connection was closed, or its handshake failed; it is of no more use.
    pub(crate) async fn recognise(&self, stream: &mut TcpStream) -> io::Result<Caller> {
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
                self.say_refused(stream, &error);
                Err(io::Error::other(error))
            }
        }
    }

    fn say_refused(&self, stream: &TcpStream, error: &HandshakeError) {
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
