//! Directories of certificates, and two ends of a TCP connection.
#![allow(dead_code, clippy::expect_used, unreachable_pub)]

pub mod careless;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bank_auth::{ClientIdentity, Role};
use bank_tls::{
    AcceptError, Accepted, CertsDir, ConnectError, Connected, Credentials, Expected, Purpose, Validity, accept,
    connect, days,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// Bound of every wait.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A bank with its authority.
pub struct Bank {
    pub directory: TempDir,
    pub certs: CertsDir,
    pub id: Uuid,
}

pub fn year() -> Validity {
    Validity::from_now(SystemTime::now(), days(365))
}

/// A time that is over.
pub fn over() -> Validity {
    let hour = Duration::from_secs(3600);
    Validity {
        not_before: SystemTime::now() - 2 * hour,
        not_after: SystemTime::now() - hour,
    }
}

impl Bank {
    /// A bank with the branches 1 and 2 and the teller `tess`.
    pub fn new() -> Self {
        Self::with_id(None)
    }

    pub fn with_id(id: Option<Uuid>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let certs = CertsDir(directory.path().join("certs"));
        let id = certs.create_authority(id, year()).expect("an authority");
        for branch in [1, 2] {
            certs
                .issue_branch(branch, &["branch.example".into()], year())
                .expect("a branch");
        }
        certs
            .issue_client(client(Role::Teller, "tess"), year())
            .expect("a client");
        Self { directory, certs, id }
    }

    pub fn branch(&self, branch: u32) -> Credentials {
        Credentials::load(self.certs.of_branch(branch)).expect("credentials of a branch")
    }

    pub fn client(&self, name: &str) -> Credentials {
        let files = self.certs.of_client(Some(name)).expect("files");
        Credentials::load(files).expect("credentials of a client")
    }

    /// Only the authorities, without an own certificate.
    pub fn nobody(&self) -> Credentials {
        let mut files = self.certs.of_branch(1);
        files.own = None;
        Credentials::load(files).expect("credentials of nobody")
    }

    /// The branch with this number, of this bank.
    pub fn expect(&self, branch: u32) -> Expected {
        Expected {
            bank: Some(self.id),
            branch: Some(branch),
            host: "127.0.0.1".into(),
        }
    }
}

pub fn client(role: Role, name: &str) -> ClientIdentity {
    ClientIdentity {
        role,
        name: name.parse().expect("a name"),
        accounts: Vec::new(),
    }
}

/// Any branch at this address.
pub fn at(host: &str) -> Expected {
    Expected {
        bank: None,
        branch: None,
        host: host.into(),
    }
}

pub async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (opened, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (opened.expect("connected"), accepted.expect("accepted").0)
}

pub type Both = (Result<Connected, ConnectError>, Result<Accepted, AcceptError>);

/// Both sides of a handshake.
pub async fn handshake(opener: &Credentials, purpose: Purpose, expected: &Expected, server: &Credentials) -> Both {
    let (opened, accepted) = tcp().await;
    let both = async { tokio::join!(connect(opener, purpose, expected, opened), accept(server, accepted)) };
    tokio::time::timeout(DEADLINE, both).await.expect("in time")
}

pub fn copy(from: &CertsDir, to: &CertsDir, file: &str) {
    let (from, to) = (from.0.join(file), to.0.join(file));
    fs::copy(from, to).expect("copied");
}

pub fn remove(path: &Path) {
    fs::remove_file(path).expect("removed");
}
