//! The fake bank by TLS: certificates of its branches and clients in a directory, and listeners that demand TLS.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::SystemTime;

use bank_auth::{ClientIdentity, Role};
use bank_client::{Security, SecurityFiles};
use bank_tls::{CertsDir, Credentials, Peer, Purpose, Stream, Validity, accept, days};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use uuid::Uuid;

/// The directory of a bank's certificates: its authority, branches 1 to 3, the customer `ann` and the operator `ops`.
pub struct Certs {
    pub directory: TempDir,
    pub certs: CertsDir,
}

impl Certs {
    pub fn new(bank: Uuid) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let certs = CertsDir(directory.path().join("certs"));
        certs.create_authority(Some(bank), year()).unwrap();
        for branch in 1..=3 {
            certs.issue_branch(branch, &[], year()).unwrap();
        }
        for (name, role) in [("ann", Role::Customer), ("ops", Role::Operator)] {
            let client = ClientIdentity {
                role,
                name: name.parse().unwrap(),
                accounts: Vec::new(),
            };
            certs.issue_client(client, year()).unwrap();
        }
        Self { directory, certs }
    }

    pub fn path(&self) -> &Path {
        &self.certs.0
    }

    pub fn branch(&self, branch: u32) -> Credentials {
        Credentials::load(self.certs.of_branch(branch)).unwrap()
    }

    /// What a client of this name uses.
    pub fn client(&self, name: &str) -> Security {
        let files = SecurityFiles {
            certs_dir: Some(self.path().to_owned()),
            client: Some(name.to_owned()),
            ..SecurityFiles::default()
        };
        files.load().unwrap()
    }

    /// What a client without a certificate uses.
    pub fn nobody(&self) -> Security {
        let files = SecurityFiles {
            trusted_ca_file: Some(self.certs.ca_cert()),
            ..SecurityFiles::default()
        };
        files.load().unwrap()
    }
}

fn year() -> Validity {
    Validity::from_now(SystemTime::now(), days(365))
}

/// A port, and the connections that come to it and do the TLS handshake as clients. It lasts as long as the runtime of
/// the caller.
pub fn incoming(listener: TcpListener, credentials: Credentials) -> ReceiverStream<io::Result<Encrypted>> {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (sender, credentials) = (sender.clone(), credentials.clone());
            tokio::spawn(async move {
                if let Ok(accepted) = accept(&credentials, stream).await {
                    assert_eq!(accepted.purpose, Purpose::Client);
                    let encrypted = Encrypted {
                        stream: Stream::tls(accepted.stream),
                        peer: accepted.peer,
                    };
                    let _ = sender.send(Ok(encrypted)).await;
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}

/// A port of this host that is bound and can be given to a runtime.
pub fn port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An encrypted connection.
pub struct Encrypted {
    stream: Stream,
    peer: Option<Peer>,
}

/// Who is at the other end.
#[derive(Clone)]
pub struct Caller {
    /// The owner of the certificate.
    pub name: Option<String>,
    /// Number of the connection.
    pub connection: u64,
}

static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

impl Connected for Encrypted {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller {
            name: self.peer.as_ref().map(|peer| peer.named.subject.to_string()),
            connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
