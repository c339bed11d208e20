//! Makes certificates: of an authority, of branches, of clients, and lists of revoked ones. It touches no file.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::certificate::Facts;
use crate::subject::{Named, Subject, authority_uri};

/// A new certificate is valid from this long ago, because the clocks of hosts differ.
pub const BACKDATED: Duration = Duration::from_secs(5 * 60);
/// Hosts of every branch's certificate, so that a client on the same host needs no other name.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// A list of revoked certificates names a time of the next one, which is this far away. A list is valid until it is
/// replaced: only a revocation makes a new one.
const LIST_VALID_FOR: Duration = days(3650);

/// A certificate and its key, in PEM.
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// The key. It must be readable by its owner only.
    pub key: String,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Begin.
    pub not_before: SystemTime,
    /// End.
    pub not_after: SystemTime,
}

impl Validity {
    /// From a little before now, for a length of time.
    pub fn from_now(now: SystemTime, length: Duration) -> Self {
        Self {
            not_before: now - BACKDATED,
            not_after: now + length,
        }
    }
}

/// So many days.
pub const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 24 * 60 * 60)
}

/// Error of making a certificate.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A host is neither a name nor an IP address.
    #[error("{0:?} is neither a host name nor an IP address")]
    Host(String),
    /// The time of the authority is over.
    #[error("the certificate of the authority has expired: begin a rotation with `branchd cert ca --rotate`")]
    AuthorityExpired,
    /// The cryptographic library refused.
    #[error("the certificate cannot be made: {0}")]
    Library(#[from] rcgen::Error),
    /// A list of revoked certificates is malformed.
    #[error("the list of revoked certificates is malformed")]
    List,
}

/// An authority: its certificate and its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    facts: Facts,
    der: CertificateDer<'static>,
}

impl Authority {
    /// Makes an authority for a bank. Each has a name of its own, so that the old and the new one of a rotation are told
    /// apart.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub fn make(bank: Uuid, validity: Validity) -> Result<Pair, MakeError> {
        let serial = Uuid::new_v4();
        let name = format!("Passbook authority {}", serial.simple());
        let mut params = params(&name, serial, &[authority_uri(bank)], validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(Pair {
            cert: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The authority with this key, in PEM, among certificates. `None` if the key is of none of them.
    ///
    /// # Errors
    /// The key is malformed, or the certificate is of no authority.
    pub fn open(certificates: &[CertificateDer<'static>], key: &str) -> Result<Option<Self>, MakeError> {
        let key = KeyPair::from_pem(key)?;
        let fits = |der: &&CertificateDer<'static>| {
            X509Certificate::from_der(der)
                .is_ok_and(|(_, found)| *found.public_key().subject_public_key.data == *key.public_key_raw())
        };
        let found = certificates.iter().find(fits).cloned();
        let Some((der, facts)) = found.and_then(|der| Facts::of_der(&der).map(|facts| (der, facts))) else {
            return Ok(None);
        };
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Some(Self { issuer, facts, der }))
    }

    /// What the certificate of the authority says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The certificate of the authority.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Whether the authority signed a certificate, as its names say.
    pub fn signed(&self, certificate: &Facts) -> bool {
        certificate.issuer == self.facts.subject
    }

    /// Makes a certificate with a new key. The hosts are for a branch, which is also given those of the same machine. The
    /// certificate ends when that of the authority does, at the latest.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub fn issue(&self, owner: &Named, hosts: &[String], validity: Validity) -> Result<Pair, MakeError> {
        let not_after = validity.not_after.min(self.facts.not_after);
        if not_after <= validity.not_before {
            return Err(MakeError::AuthorityExpired);
        }
        let validity = Validity { not_after, ..validity };
        let mut params = params(&owner.subject.to_string(), Uuid::new_v4(), &owner.uris(), validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        if let Subject::Branch(_) = owner.subject {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
            for host in hosts.iter().map(String::as_str).chain(LOCAL_HOSTS) {
                let name = host_name(host)?;
                if !params.subject_alt_names.contains(&name) {
                    params.subject_alt_names.push(name);
                }
            }
        }
        let key = KeyPair::generate()?;
        Ok(Pair {
            cert: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Makes the next list of revoked certificates, in PEM: those of the last list of this authority, and one more.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub fn revoke(
        &self,
        last: Option<&CertificateRevocationListDer<'_>>,
        certificate: &Facts,
        now: SystemTime,
    ) -> Result<String, MakeError> {
        let mut revoked = match last {
            Some(last) => entries(last)?,
            None => Vec::new(),
        };
        let serial_number = SerialNumber::from_slice(&serial_bytes(&certificate.serial));
        if !revoked.iter().any(|entry| entry.serial_number == serial_number) {
            revoked.push(RevokedCertParams {
                serial_number,
                revocation_time: now.into(),
                reason_code: None,
                invalidity_date: None,
            });
        }
        // The number must grow from list to list. The time does, also if an old list was lost.
        let number = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let list = CertificateRevocationListParams {
            this_update: (now - BACKDATED).into(),
            next_update: (now + LIST_VALID_FOR).into(),
            crl_number: SerialNumber::from_slice(significant(&number.to_be_bytes())),
            issuing_distribution_point: None,
            revoked_certs: revoked,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }
}

/// The bytes of a serial number, which [`Facts`] has as hexadecimal digits.
fn serial_bytes(serial: &str) -> Vec<u8> {
    let digits: Vec<u8> = serial
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn entries(list: &CertificateRevocationListDer<'_>) -> Result<Vec<RevokedCertParams>, MakeError> {
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| MakeError::List)?;
    let entries = list.iter_revoked_certificates().map(|entry| RevokedCertParams {
        serial_number: SerialNumber::from_slice(significant(entry.raw_serial())),
        revocation_time: entry.revocation_date.to_datetime(),
        reason_code: None,
        invalidity_date: None,
    });
    Ok(entries.collect())
}

/// The bytes of a number without leading zeros.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn params(name: &str, serial: Uuid, uris: &[String], validity: Validity) -> Result<CertificateParams, MakeError> {
    let mut params = CertificateParams::default();
    params.not_before = validity.not_before.into();
    params.not_after = validity.not_after.into();
    params.serial_number = Some(SerialNumber::from_slice(significant(serial.as_bytes())));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    for uri in uris {
        let uri = Ia5String::try_from(uri.as_str())?;
        params.subject_alt_names.push(SanType::URI(uri));
    }
    Ok(params)
}

/// A host as an alternative name of a certificate.
fn host_name(host: &str) -> Result<SanType, MakeError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let refused = || MakeError::Host(host.to_owned());
    // What TLS does not take as a name could never be connected to.
    ServerName::try_from(host).map_err(|_| refused())?;
    Ok(SanType::DnsName(Ia5String::try_from(host)?))
}
