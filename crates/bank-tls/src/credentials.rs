//! Certificates in use. They are read from files, checked, and read again when the files change, so that a renewed
//! certificate needs no restart.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::files::TlsFiles;
use crate::subject::{Named, SubjectError};

/// The own certificate, the trusted authorities and the revoked certificates of one side. Clones share them, also after
/// they were read again.
#[derive(Clone)]
pub struct Credentials {}

/// Error of reading the files.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The certificate names no owner.
    #[error("{path}: the certificate {source}", path = path.display())]
    Subject {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SubjectError,
    },
}

/// The other side of a connection, as its certificate proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Owner of the certificate.
    pub named: Named,
    /// Serial number of the certificate, as hexadecimal digits.
    pub serial: String,
    /// The certificate is valid until then.
    pub not_after: SystemTime,
}

/// Why the certificate of an open connection is no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotValid {
    /// Its time is over.
    #[error("the certificate has expired: renew it")]
    Expired,
    /// It was revoked.
    #[error("the certificate was revoked")]
    Revoked,
}

impl Credentials {
    /// Reads and checks the files: a key that others than its owner can read is refused, a certificate that does not
    /// belong to its key, an expired one, and one that the trusted authorities did not sign.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn load(files: TlsFiles) -> Result<Self, CredentialsError> {
        let _ = files;
        todo!()
    }

    /// Reads the files again if one of them has changed since they were read. Returns whether that was so. If the new
    /// files cannot be used, the old certificates stay in use. Handshakes call it too, once a second at the most.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn refresh(&self) -> Result<bool, CredentialsError> {
        todo!()
    }

    /// Owner of the own certificate. `None` without a certificate.
    pub fn me(&self) -> Option<Named> {
        todo!()
    }

    /// End of the validity of the own certificate. `None` without a certificate.
    pub fn not_after(&self) -> Option<SystemTime> {
        todo!()
    }

    /// Whether the certificate of an open connection is still valid. It costs no system call but the time.
    ///
    /// # Errors
    /// See [`NotValid`].
    pub fn check(&self, peer: &Peer, now: SystemTime) -> Result<(), NotValid> {
        let _ = (peer, now);
        todo!()
    }
}
