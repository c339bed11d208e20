//! What a TLS connection is for, and the secret of its two ends.

use std::ops::Deref;

use bank_auth::Secret;
use rustls::ConnectionCommon;

/// What a connection is for. The side that opens it says so by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Calls of clients: ALPN `h2`, or none.
    Client,
    /// Calls of a branch: ALPN `passbook-branch`. The handshake of `bank-auth` follows, keyed with
    /// [`crate::Accepted::channel_secret`].
    Branch,
}

impl Purpose {
    /// All purposes. A side that offers both protocols means the first.
    pub(crate) const ALL: [Self; 2] = [Self::Branch, Self::Client];

    pub(crate) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Client => b"h2",
            Self::Branch => b"passbook-branch",
        }
    }

    /// The purpose of a connection on which the two sides agreed on this protocol.
    pub(crate) fn of_alpn(alpn: Option<&[u8]>) -> Self {
        match alpn == Some(Self::Branch.alpn()) {
            true => Self::Branch,
            false => Self::Client,
        }
    }
}

/// Label and length of the secret of a connection.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-passbook-channel";
const SECRET_LEN: usize = 32;

/// The secret of a connection, which is the same at both ends and another on every connection.
pub(crate) fn secret<Data>(session: &impl Deref<Target = ConnectionCommon<Data>>) -> Result<Secret, rustls::Error> {
    let secret = session.export_keying_material([0; SECRET_LEN], EXPORTER_LABEL, None)?;
    Ok(Secret::from_bytes(secret))
}
