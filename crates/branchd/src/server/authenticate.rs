//! Identifies the caller of a connection by its first byte. A customer begins with HTTP/2. A branch or an operator
//! begins with the handshake of `bank-auth`. With certificates, all of them begin with TLS, and the handshake of
//! `bank-auth` is left to operators on this host.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bank_auth::{Audience, BranchIdentity, HandshakeError, Party, Secret, handshake, messages};
use bank_tls::{AcceptError, Accepted, Peer, Purpose, Stream, Subject};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::turns::Turns;
use crate::callers::{Caller, Encryption};
use crate::certificates::Certificates;

/// How often the log reports a refused connection, at most. An operator still notices the refusals, and a caller that
/// connects again and again does not fill the disk.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The TLS alert `handshake_failure` (RFC 8446, section 6), as a record. It tells a client that this branch has no
/// certificates. A closed connection would look like a branch that is stopping.
const TLS_REFUSED: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// The usual length of the first message of TLS, in bytes, and more.
const TLS_HELLO_BYTES: usize = 4096;

/// A connection whose caller is known.
pub(super) struct Identified {
    pub(super) stream: Stream,
    pub(super) caller: Caller,
    /// The other side, if it gave a certificate.
    pub(super) peer: Option<Peer>,
    pub(super) encryption: Encryption,
}

/// Why a connection is not taken. The text continues a sentence that begins with the address of the other side.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("broke off: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error("was not taken: {0}")]
    Tls(#[from] AcceptError),
    #[error("begins with TLS, and this branch has no certificates: start the branch with --certs-dir")]
    NoCertificates,
    #[error(
        "gives the secret of the bank, which a branch with certificates takes from operators on its own host only: use \
         --certs-dir"
    )]
    SecretFromAfar,
    #[error("gives the secret of the bank, and this branch has certificates and no secret: use --certs-dir")]
    NoSecret,
    #[error(
        "is branch {0} with the secret of the bank, and this branch takes branches by their certificates only: start it with --certs-dir"
    )]
    BranchBySecret(u32),
    #[error("says that it is {claimed}, and has the certificate of {owner}")]
    OtherBranch { claimed: String, owner: String },
    #[error("is a branch, and branches have a listener of their own here")]
    BranchAtClients,
    #[error("is no branch, and this listener takes branches only")]
    ClientAtBranches,
}

impl Refused {
    /// Whether the other side is the wrong one. A connection that only broke off is not logged.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Io(_) => false,
            // The TLS library calls what it does not understand invalid data.
            Self::Tls(AcceptError::Tls(error)) => error.kind() == io::ErrorKind::InvalidData,
            Self::Handshake(error) => error.is_refusal(),
            _ => true,
        }
    }
}

/// Identifies the callers of connections.
pub(super) struct Authenticator {
    me: BranchIdentity,
    /// The callers that the listener takes.
    audience: Audience,
    /// The secret of the bank. Only a branch with certificates may have none.
    secret: Option<Secret>,
    certificates: Option<Certificates>,
    turns: Turns,
    log: Mutex<RefusalLog>,
}

/// When the log last reported a refused connection, and how many it has left out since then.
#[derive(Default)]
struct RefusalLog {
    last: Option<Instant>,
    left_out: u64,
}

impl Authenticator {
    pub(super) fn new(
        me: BranchIdentity,
        audience: Audience,
        secret: Option<Secret>,
        certificates: Option<Certificates>,
    ) -> Self {
        Self {
            me,
            audience,
            secret,
            certificates,
            turns: Turns::new(),
            log: Mutex::default(),
        }
    }

    /// Identifies the caller of a connection. Nothing is read from a customer's connection that is not encrypted. On any
    /// other, the handshake is read, and HTTP/2 follows. The caller of this function bounds the time.
    ///
    /// # Errors
    /// The connection was closed, or is refused.
    pub(super) async fn authenticate(&self, stream: TcpStream, from: SocketAddr) -> Result<Identified, Refused> {
        let identified = self.identify(stream, from).await;
        let identified = identified.and_then(|identified| {
            self.check_audience(identified.caller)?;
            Ok(identified)
        });
        if let Err(refused) = &identified
            && refused.is_refusal()
        {
            self.log_refusal(from, refused);
        }
        identified
    }

    async fn identify(&self, mut stream: TcpStream, from: SocketAddr) -> Result<Identified, Refused> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(Refused::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        match (first[0], &self.certificates) {
            (bank_tls::accept::FIRST_BYTE, Some(certificates)) => self.by_certificate(stream, certificates).await,
            (bank_tls::accept::FIRST_BYTE, None) => {
                // A connection that is closed with unread bytes is reset, and the other side may lose the alert.
                let _ = stream.try_read(&mut vec![0; TLS_HELLO_BYTES]);
                // The refusal stands, whether the other side hears it or not.
                let _ = stream.write_all(&TLS_REFUSED).await;
                Err(Refused::NoCertificates)
            }
            (first, _) if first == messages::MAGIC[0] => self.by_secret(stream, from).await,
            (_, certificates) => Ok(Identified {
                stream: Stream::Plain(stream),
                caller: Caller::Customer,
                peer: None,
                encryption: match certificates {
                    Some(_) => Encryption::Missing,
                    None => Encryption::None,
                },
            }),
        }
    }

    async fn by_secret(&self, mut stream: TcpStream, from: SocketAddr) -> Result<Identified, Refused> {
        let is_afar = self.certificates.is_some() && !from.ip().to_canonical().is_loopback();
        let Some(secret) = self.secret.as_ref().filter(|_| !is_afar) else {
            // The refusal stands, whether the other side hears it or not.
            let _ = handshake::refuse(&mut stream).await;
            return Err(if is_afar {
                Refused::SecretFromAfar
            } else {
                Refused::NoSecret
            });
        };
        let party = handshake::accept(&mut stream, secret, self.me, self.audience).await?;
        match party {
            Party::Branch(branch) if self.certificates.is_some() => Err(Refused::BranchBySecret(branch.branch)),
            _ => Ok(Identified {
                stream: Stream::Plain(stream),
                caller: party.into(),
                peer: None,
                encryption: Encryption::None,
            }),
        }
    }

    async fn by_certificate(&self, stream: TcpStream, certificates: &Certificates) -> Result<Identified, Refused> {
        let handshake = bank_tls::accept_by_purpose(certificates.clients(), certificates.branches(), stream);
        let mut accepted = self.turns.take(handshake).await?;
        let caller = match accepted.purpose {
            Purpose::Branch => self.branch(&mut accepted).await?,
            Purpose::Client => client(accepted.peer.as_ref()),
        };
        Ok(Identified {
            stream: Stream::tls(accepted.stream),
            caller,
            peer: accepted.peer,
            encryption: Encryption::Tls,
        })
    }

    /// The branch at the other end of an encrypted connection. It says its replica in the handshake of `bank-auth`, which
    /// is keyed with a secret of this connection. Its number must be that of its certificate.
    async fn branch(&self, accepted: &mut Accepted) -> Result<Caller, Refused> {
        let owner = accepted.peer.as_ref().map(|peer| &peer.named.subject);
        let party = handshake::accept(&mut accepted.stream, &accepted.channel_secret, self.me, self.audience).await?;
        match (party, owner) {
            (Party::Branch(claimed), Some(Subject::Branch(number))) if claimed.branch == *number => {
                Ok(Caller::Branch(claimed))
            }
            (party, owner) => Err(Refused::OtherBranch {
                claimed: match party {
                    Party::Branch(claimed) => format!("branch {}", claimed.branch),
                    Party::Operator => "an operator".to_owned(),
                },
                owner: owner.map_or("nobody".to_owned(), ToString::to_string),
            }),
        }
    }

    /// Checks that the listener takes an identified caller.
    fn check_audience(&self, caller: Caller) -> Result<(), Refused> {
        match (self.audience, caller) {
            (Audience::All, _)
            | (Audience::Clients, Caller::Customer | Caller::Operator)
            | (Audience::Branches, Caller::Branch(_)) => Ok(()),
            (Audience::Clients, Caller::Branch(_)) => Err(Refused::BranchAtClients),
            (Audience::Branches, _) => Err(Refused::ClientAtBranches),
        }
    }

    fn log_refusal(&self, from: SocketAddr, refused: &Refused) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.last.is_some_and(|at| at.elapsed() < REFUSAL_LOG_INTERVAL) {
            log.left_out += 1;
            return;
        }
        log.last = Some(Instant::now());
        let left_out = std::mem::take(&mut log.left_out);
        tracing::warn!(left_out, "a connection was refused: {from} {refused}");
    }
}

/// The kind of a client, as its certificate says. A client without a certificate may still have a token.
fn client(peer: Option<&Peer>) -> Caller {
    match peer.map(|peer| &peer.named.subject) {
        Some(Subject::Client(client)) if client.role == bank_auth::Role::Operator => Caller::Operator,
        _ => Caller::Customer,
    }
}
