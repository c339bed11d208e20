//! The certificates of this branch: checked when it starts, taken up anew when their files change, and the check of the
//! other side's certificate on each call. How a handshake is made is not known here.

mod expiry;
mod refresh;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bank_tls::{Credentials, CredentialsError, Named, NotValid, Peer, Subject, TlsFiles};
use uuid::Uuid;

use crate::callers::{ConnectionInfo, Encryption};

/// How often the certificate of an open connection is looked at. Each call looks too. This is for calls that take long,
/// such as the stream of entries to a branch.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Why a branch cannot use its certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// A file cannot be used.
    #[error(transparent)]
    Files(#[from] CredentialsError),
    /// The branch has no certificate of its own.
    #[error("branch {branch} has trusted authorities and no certificate: give --cert-file and --key-file")]
    NoCertificate {
        /// The branch that was started.
        branch: u32,
    },
    /// The certificate is that of another branch, or of a client.
    #[error(
        "{path} is the certificate of {owner}, and this is branch {branch}: give the certificate of branch {branch}",
        path = path.display()
    )]
    OtherOwner {
        /// The file of the certificate.
        path: PathBuf,
        /// The owner that the certificate names.
        owner: Subject,
        /// The branch that was started.
        branch: u32,
    },
    /// The certificates for clients and for branches are of two banks.
    #[error(
        "the certificate for clients is of bank {clients}, and the one for branches of bank {branches}: both must be of one bank"
    )]
    TwoBanks {
        /// The bank in the certificate for clients.
        clients: Uuid,
        /// The bank in the certificate for branches.
        branches: Uuid,
    },
    /// The data directory is of another bank than the certificate.
    #[error(
        "the data directory of branch {branch} is of bank {directory}, and its certificate of bank {certificate}: give \
         the certificate of the directory's bank (`branchd cert ca --bank {directory}` makes an authority for it), or \
         another --data"
    )]
    OtherBank {
        /// The branch that was started.
        branch: u32,
        /// The bank that the data directory names.
        directory: Uuid,
        /// The bank that the certificate names.
        certificate: Uuid,
    },
}

/// Why no call on a connection is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionRefused {
    /// The connection is not encrypted, and this branch has certificates.
    #[error("this branch speaks TLS only: give --certs-dir or --trusted-ca-file")]
    NotEncrypted,
    /// The certificate of the other side is no longer valid.
    #[error(transparent)]
    Certificate(#[from] NotValid),
}

/// The certificates of this branch. Clones share them.
#[derive(Clone)]
pub(crate) struct Certificates {
    branch: u32,
    bank: Uuid,
    /// For connections of clients.
    clients: Credentials,
    /// For connections between branches, if other files were given for them.
    branches: Option<Credentials>,
}

impl Certificates {
    /// Reads the files, and checks that they are those of this branch. It reads files, so it blocks.
    ///
    /// # Errors
    /// See [`CertificatesError`].
    pub(crate) fn load(clients: TlsFiles, branches: TlsFiles, branch: u32) -> Result<Self, CertificatesError> {
        let others = Some(branches).filter(|branches| *branches != clients);
        let (clients, bank) = load(clients, branch)?;
        let branches = match others.map(|files| load(files, branch)).transpose()? {
            Some((_, other)) if other != bank => {
                return Err(CertificatesError::TwoBanks {
                    clients: bank,
                    branches: other,
                });
            }
            others => others.map(|(branches, _)| branches),
        };
        Ok(Self {
            branch,
            bank,
            clients,
            branches,
        })
    }

    /// Refuses a data directory of another bank.
    ///
    /// # Errors
    /// [`CertificatesError::OtherBank`].
    pub(crate) fn check_directory(&self, bank: Option<Uuid>) -> Result<(), CertificatesError> {
        match bank {
            Some(directory) if directory != self.bank => Err(CertificatesError::OtherBank {
                branch: self.branch,
                directory,
                certificate: self.bank,
            }),
            _ => Ok(()),
        }
    }

    /// The bank that the certificates are of.
    pub(crate) fn bank(&self) -> Uuid {
        self.bank
    }

    /// The certificates for connections of clients.
    pub(crate) fn clients(&self) -> &Credentials {
        &self.clients
    }

    /// The certificates for connections between branches.
    pub(crate) fn branches(&self) -> &Credentials {
        self.branches.as_ref().unwrap_or(&self.clients)
    }

    fn all(&self) -> impl Iterator<Item = &Credentials> {
        std::iter::once(&self.clients).chain(&self.branches)
    }

    /// The earliest end of the validity of an own certificate.
    pub(crate) fn not_after(&self) -> Option<SystemTime> {
        self.all().filter_map(Credentials::not_after).min()
    }

    /// Checks that a connection may make calls: that it is encrypted, unless it comes from this host, and that the
    /// certificate of the other side is still valid, if it has one.
    ///
    /// # Errors
    /// See [`ConnectionRefused`].
    pub(crate) fn check(&self, connection: &ConnectionInfo) -> Result<(), ConnectionRefused> {
        if connection.encryption() == Encryption::Missing {
            return Err(ConnectionRefused::NotEncrypted);
        }
        match connection.peer() {
            Some(peer) => Ok(self.check_peer(peer)?),
            None => Ok(()),
        }
    }

    /// Resolves when the certificate of the other side of a connection has been invalid for a while. Until then, the
    /// other side is told so by the refusals of its calls.
    pub(crate) async fn over(self, peer: Peer) {
        let mut was_valid = true;
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            match self.check_peer(&peer) {
                Ok(()) => was_valid = true,
                Err(_) if was_valid => was_valid = false,
                Err(why) => {
                    tracing::warn!("closed a connection of {}: {why}", peer.named.subject);
                    return;
                }
            }
        }
    }

    /// Checks that the certificate of the other side of a connection is still valid.
    ///
    /// # Errors
    /// See [`NotValid`].
    fn check_peer(&self, peer: &Peer) -> Result<(), NotValid> {
        let credentials = match peer.named.subject {
            Subject::Branch(_) => self.branches(),
            Subject::Client(_) => self.clients(),
        };
        credentials.check(peer, SystemTime::now())
    }
}

fn load(files: TlsFiles, branch: u32) -> Result<(Credentials, Uuid), CertificatesError> {
    let path = files.own.as_ref().map(|own| own.cert.clone());
    let credentials = Credentials::load(files)?;
    match (path, credentials.me()) {
        (Some(path), Some(Named { subject, bank })) => {
            if subject == Subject::Branch(branch) {
                return Ok((credentials, bank));
            }
            Err(CertificatesError::OtherOwner {
                path,
                owner: subject,
                branch,
            })
        }
        _ => Err(CertificatesError::NoCertificate { branch }),
    }
}
