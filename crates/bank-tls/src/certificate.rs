//! One certificate: what it says, and why it may not be valid.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::subject::{self, Named, Subject, SubjectError};

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The owner, or why none is named.
    pub owner: Result<Named, SubjectError>,
    /// Bank of the authority whose certificate this is. `None` for other certificates.
    pub authority_of: Option<Uuid>,
    /// Whether the certificate can sign others.
    pub is_authority: bool,
    /// Host names and IP addresses that it is valid for.
    pub hosts: Vec<String>,
    /// Serial number, as hexadecimal digits without leading zeros.
    pub serial: String,
    /// Name of the owner of the certificate, in DER.
    pub subject: Vec<u8>,
    /// Name of the authority that signed it, in DER.
    pub issuer: Vec<u8>,
    /// Begin of its validity.
    pub not_before: SystemTime,
    /// End of its validity.
    pub not_after: SystemTime,
}

impl Facts {
    /// Reads a certificate in DER. `None` if it is none.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let (_, found) = X509Certificate::from_der(der).ok()?;
        let names = match found.subject_alternative_name() {
            Ok(names) => names
                .map(|names| names.value.general_names.as_slice())
                .unwrap_or_default(),
            Err(_) => return None,
        };
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        Some(Self {
            owner: Named::from_uris(uris.clone()),
            authority_of: subject::authority_of(uris).filter(|_| found.is_ca()),
            is_authority: found.is_ca(),
            hosts: names.iter().filter_map(host).collect(),
            serial: serial_text(found.raw_serial()),
            subject: found.subject().as_raw().to_vec(),
            issuer: found.issuer().as_raw().to_vec(),
            not_before: system_time(found.validity().not_before.timestamp()),
            not_after: system_time(found.validity().not_after.timestamp()),
        })
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// A serial number as text. Leading zeros are left out, which a DER integer may have or not.
pub(crate) fn serial_text(bytes: &[u8]) -> String {
    let significant = bytes.iter().skip_while(|byte| **byte == 0);
    significant.map(|byte| format!("{byte:02x}")).collect()
}

/// A time of a certificate, which may be before 1970.
fn system_time(seconds: i64) -> SystemTime {
    let length = Duration::from_secs(seconds.unsigned_abs());
    let time = match seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(length),
        false => SystemTime::UNIX_EPOCH.checked_add(length),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The day of a time, as `2026-11-28`, in UTC.
pub fn day(time: SystemTime) -> String {
    OffsetDateTime::from(time).date().to_string()
}

/// Why a certificate is not accepted. The text continues a sentence: "the certificate of 10.0.0.2 ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// No trusted authority signed it.
    #[error("is signed by an authority that is not trusted here ({ca})", ca = ca.display())]
    Untrusted {
        /// File of the trusted authorities.
        ca: PathBuf,
    },
    /// Its time is over.
    #[error("has expired on {on}: renew it", on = day(*on))]
    Expired {
        /// End of its validity.
        on: SystemTime,
    },
    /// Its time has not begun.
    #[error("is not valid before {from}: check the clocks of both hosts", from = day(*from))]
    NotYetValid {
        /// Begin of its validity.
        from: SystemTime,
    },
    /// It was revoked.
    #[error("was revoked: make a new one")]
    Revoked,
    /// It is for another use: a client's certificate for a branch, or a branch's for a client.
    #[error(
        "is not made for this use: its extended key usage must allow serverAuth and clientAuth for a branch, clientAuth for a client"
    )]
    Use,
    /// It names no owner.
    #[error("{0}")]
    Owner(#[from] SubjectError),
    /// It is of another bank.
    #[error("is of another bank ({found}, not {expected}): check the addresses and the certificates")]
    OtherBank {
        /// Bank of the certificate.
        found: Uuid,
        /// Bank that was expected.
        expected: Uuid,
    },
    /// It is of another branch, or of a client.
    #[error("is of {found}, not branch {expected}: check the addresses")]
    OtherOwner {
        /// Owner of the certificate.
        found: Subject,
        /// Number of the branch that was expected.
        expected: u32,
    },
    /// It is of a client, where a branch was expected.
    #[error("is of {0}, not of a branch")]
    NotABranch(Subject),
    /// It is of a branch, where a client was expected.
    #[error("is of branch {0}: a branch is no client, so make a client's certificate")]
    NotAClient(u32),
    /// It is not valid for the host that was connected to.
    #[error("is not valid for {host}, only for {names}: connect to one of these, or make one with --host {host}")]
    OtherHost {
        /// The host that was connected to.
        host: String,
        /// Hosts of the certificate.
        names: String,
    },
    /// Another reason.
    #[error("cannot be verified: {0}")]
    Other(String),
}

impl BadCertificate {
    /// The reason in an error of a TLS handshake. `ca` is the file of the trusted authorities.
    pub(crate) fn of(error: &CertificateError, ca: &Path) -> Self {
        let at = |time: &rustls::pki_types::UnixTime| {
            SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_secs(time.as_secs()))
                .unwrap_or(SystemTime::UNIX_EPOCH)
        };
        match error {
            CertificateError::UnknownIssuer => Self::Untrusted { ca: ca.to_owned() },
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired { on: at(not_after) },
            CertificateError::NotValidYetContext { not_before, .. } => Self::NotYetValid { from: at(not_before) },
            CertificateError::Revoked => Self::Revoked,
            CertificateError::InvalidPurpose => Self::Use,
            CertificateError::Other(other) => match other.0.downcast_ref::<Self>() {
                Some(reason) => reason.clone(),
                None => Self::Other(other.0.to_string()),
            },
            other => Self::Other(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_have_one_text() {
        assert_eq!(serial_text(&[0, 0x8f, 0x01]), "8f01");
        assert_eq!(serial_text(&[0x8f, 0x01]), "8f01");
        assert_eq!(serial_text(&[0x01, 0x00]), "0100");
        assert_eq!(serial_text(&[]), "");
    }

    #[test]
    fn days_are_those_of_utc() {
        assert_eq!(day(SystemTime::UNIX_EPOCH), "1970-01-01");
        assert_eq!(day(system_time(-1)), "1969-12-31");
        assert_eq!(day(system_time(1_795_859_017)), "2026-11-28");
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        for bytes in [&b""[..], b"hello", &[0x30; 100], &[0x30, 0x82, 0xff, 0xff]] {
            assert_eq!(Facts::of_der(bytes), None);
        }
    }
}
