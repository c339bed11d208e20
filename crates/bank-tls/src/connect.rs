//! The side of a TLS connection that opened it: a branch or a client.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use bank_auth::Secret;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;
use webpki::EndEntityCert;

use crate::alert;
use crate::certificate::{BadCertificate, Facts};
use crate::channel::{self, Purpose};
use crate::credentials::{Credentials, Peer};
use crate::load::Loaded;
use crate::subject::Subject;

/// The branch that should answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Id of the bank, if it is known. Without it, the bank of the own certificate is expected, if there is one.
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
    /// The other side answered with something else than TLS.
    #[error("{host} does not speak TLS: start the branch with --certs-dir, or connect without TLS")]
    NotTls {
        /// Host that was connected to.
        host: String,
    },
    /// The certificate of the other side is not accepted.
    #[error("the certificate of {host} {why}")]
    Certificate {
        /// Host that was connected to.
        host: String,
        /// The reason.
        why: BadCertificate,
    },
    /// The other side does not accept the connection.
    #[error("{host} refused the connection: {why}")]
    Refused {
        /// Host that was connected to.
        host: String,
        /// The reason.
        why: String,
    },
}

impl ConnectError {
    /// Whether the other side answered and is the wrong one. A retry cannot succeed until something is changed.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Tls(_))
    }
}

/// Does the TLS handshake at the side that opened the connection. The caller bounds the time.
///
/// A success means that the branch is the expected one. The branch may still refuse the certificate of this side, which
/// the first read shows: see [`crate::alert::refusal_in`].
///
/// # Errors
/// See [`ConnectError`]. The connection cannot be used then.
pub async fn connect(
    credentials: &Credentials,
    purpose: Purpose,
    expected: &Expected,
    stream: TcpStream,
) -> Result<Connected, ConnectError> {
    let loaded = credentials.for_handshake();
    let config = match purpose {
        Purpose::Client => &loaded.as_client,
        Purpose::Branch => &loaded.as_branch,
    };
    // The name is sent to the other side, for a proxy that reads it. A host that is no name sends none.
    let name = server_name(&expected.host).unwrap_or(ServerName::from(IpAddr::from(Ipv4Addr::UNSPECIFIED)));
    let handshake = TlsConnector::from(config.clone()).connect(name, stream);
    let stream = handshake.await.map_err(|error| failure(error, expected, &loaded))?;
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let peer = expected_peer(chain, expected, &loaded).map_err(|why| ConnectError::Certificate {
        host: expected.host.clone(),
        why,
    })?;
    let channel_secret = channel::secret(session).map_err(io::Error::other)?;
    Ok(Connected {
        stream,
        peer,
        channel_secret,
    })
}

/// The owner of a verified certificate, if it is the expected branch.
fn expected_peer(chain: &[CertificateDer<'_>], expected: &Expected, loaded: &Loaded) -> Result<Peer, BadCertificate> {
    let peer = Peer::of_chain(chain)?;
    let own_bank = loaded.own.as_ref().map(|own| own.named.bank);
    let bank = expected.bank.or(own_bank);
    if let Some(bank) = bank.filter(|bank| *bank != peer.named.bank) {
        return Err(BadCertificate::OtherBank {
            found: peer.named.bank,
            expected: bank,
        });
    }
    match (&peer.named.subject, expected.branch) {
        (Subject::Branch(found), Some(number)) if *found == number => {}
        (found, Some(number)) => {
            return Err(BadCertificate::OtherOwner {
                found: found.clone(),
                expected: number,
            });
        }
        (Subject::Branch(_), None) => {}
        (client, None) => return Err(BadCertificate::NotABranch(client.clone())),
    }
    if bank.is_none() || expected.branch.is_none() {
        check_host(chain, &expected.host)?;
    }
    Ok(peer)
}

fn check_host(chain: &[CertificateDer<'_>], host: &str) -> Result<(), BadCertificate> {
    let valid = chain.first().zip(server_name(host)).is_some_and(|(first, name)| {
        EndEntityCert::try_from(first).is_ok_and(|found| found.verify_is_valid_for_subject_name(&name).is_ok())
    });
    if valid {
        return Ok(());
    }
    let names = chain.first().and_then(|first| Facts::of_der(first));
    let names = names.map(|facts| facts.hosts.join(", ")).unwrap_or_default();
    Err(BadCertificate::OtherHost {
        host: host.to_owned(),
        names: if names.is_empty() { "no host".into() } else { names },
    })
}

/// The host as TLS names it. An IPv6 address may be in brackets.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    ServerName::try_from(host.to_owned()).ok()
}

fn failure(error: io::Error, expected: &Expected, loaded: &Loaded) -> ConnectError {
    let host = expected.host.clone();
    match alert::cause(&error) {
        Some(rustls::Error::InvalidCertificate(why)) => ConnectError::Certificate {
            host,
            why: BadCertificate::of(why, &loaded.ca),
        },
        Some(rustls::Error::AlertReceived(alert)) => ConnectError::Refused {
            host,
            why: alert::sentence(*alert),
        },
        Some(rustls::Error::InvalidMessage(_)) => ConnectError::NotTls { host },
        _ => ConnectError::Tls(error),
    }
}
