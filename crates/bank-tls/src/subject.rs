//! The owner of a certificate, as the URIs among its alternative names say.

use bank_auth::ClientIdentity;
use uuid::Uuid;

/// The owner of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Id of the bank.
    pub bank: Uuid,
    /// The branch or client.
    pub subject: Subject,
}

/// A branch or a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The branch with this number, at least 1.
    Branch(u32),
    /// A client.
    Client(ClientIdentity),
}

/// Error of reading the owner of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// No URI names an owner, or more than one does.
    #[error("names no owner: exactly one URI bank://BANK/branch/N or bank://BANK/ROLE/NAME is expected")]
    NoOwner,
    /// A URI of a bank is malformed.
    #[error("the URI {0:?} is malformed")]
    Malformed(String),
}

impl Named {
    /// Reads the owner from the URIs of a certificate. URIs of other schemes are ignored.
    ///
    /// # Errors
    /// See [`SubjectError`].
    pub fn from_uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Result<Self, SubjectError> {
        let _ = uris;
        todo!()
    }

    /// The URIs for a certificate: the owner, then the own accounts.
    pub fn uris(&self) -> Vec<String> {
        todo!()
    }
}
