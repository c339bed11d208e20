//! Verifies a certificate: its chain up to a trusted authority, its time, its use, and that it was not revoked.
//!
//! Both directions use the same check. The owner is a later one: who opens a connection knows which branch should answer,
//! and looks at the owner after the handshake (see [`mod@crate::connect`]). A branch looks at the bank at once, so that the
//! client is told by an alert.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, PeerIncompatible, RootCertStore,
    SignatureScheme,
};
use uuid::Uuid;
use webpki::{CertRevocationList, EndEntityCert, KeyUsage, RevocationOptionsBuilder, UnknownStatusPolicy};

use crate::certificate::{BadCertificate, Facts};

/// What a certificate is verified against.
pub(crate) struct Trust {
    /// File of the authorities, for messages.
    pub(crate) ca: PathBuf,
    /// The trusted authorities.
    pub(crate) roots: RootCertStore,
    /// Lists of revoked certificates. An authority needs none.
    pub(crate) crls: Vec<CertRevocationList<'static>>,
    /// The cryptography.
    pub(crate) provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Verifies a certificate at a time.
    pub(crate) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
        usage: KeyUsage,
    ) -> Result<(), CertificateError> {
        let crls: Vec<&CertRevocationList<'_>> = self.crls.iter().collect();
        // An authority without a list has revoked nothing. A list is valid until it is replaced, because nothing fetches a
        // new one by itself: an old list is better than a bank that stops on a certain day.
        let revocation = RevocationOptionsBuilder::new(&crls)
            .ok()
            .map(|options| options.with_status_policy(UnknownStatusPolicy::Allow).build());
        EndEntityCert::try_from(certificate)
            .and_then(|found| {
                let algorithms = self.provider.signature_verification_algorithms.all;
                let roots = &self.roots.roots;
                found
                    .verify_for_usage(algorithms, roots, between, now, usage, revocation, None)
                    .map(drop)
            })
            .map_err(certificate_error)
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({})", self.ca.display())
    }
}

/// The error of a TLS handshake for an error of the verification. Each kind has its own alert.
fn certificate_error(error: webpki::Error) -> CertificateError {
    use webpki::Error;
    match error {
        Error::UnknownIssuer => CertificateError::UnknownIssuer,
        Error::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        Error::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        Error::CertRevoked => CertificateError::Revoked,
        Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => CertificateError::BadEncoding,
        // The signature of a chain with the right names and another key: an authority that was made anew.
        Error::InvalidSignatureForPublicKey => CertificateError::UnknownIssuer,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    }
}

/// Verifies the certificate of a branch. It does not look at the owner.
#[derive(Debug)]
pub(crate) struct BranchVerifier(pub(crate) Arc<Trust>);

impl ServerCertVerifier for BranchVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.verify(certificate, between, now, KeyUsage::server_auth())?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}

/// Verifies the certificate of the side that opened a connection, if it gives one, and that it is of this bank.
#[derive(Debug)]
pub(crate) struct CallerVerifier {
    pub(crate) trust: Arc<Trust>,
    /// Id of the own bank.
    pub(crate) bank: Uuid,
    /// Names of the trusted authorities, which tell the other side which certificate to give.
    pub(crate) authorities: Vec<DistinguishedName>,
}

impl ClientCertVerifier for CallerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.authorities
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.trust.verify(certificate, between, now, KeyUsage::client_auth())?;
        let owner = Facts::of_der(certificate).ok_or(CertificateError::BadEncoding)?.owner;
        let refused = match owner {
            Ok(named) if named.bank == self.bank => return Ok(ClientCertVerified::assertion()),
            Ok(named) => BadCertificate::OtherBank {
                found: named.bank,
                expected: self.bank,
            },
            Err(error) => BadCertificate::Owner(error),
        };
        Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.schemes()
    }
}
