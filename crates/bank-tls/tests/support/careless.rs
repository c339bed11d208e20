//! Ends of a TLS connection that give a certificate without looking at it, and accept every other one.

use std::io;
use std::sync::Arc;

use bank_tls::CertsDir;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

#[derive(Debug)]
struct Everybody;

impl ServerCertVerifier for Everybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn pair(certs: &CertsDir, stem: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let file = |kind: &str| certs.0.join(format!("{stem}.{kind}"));
    let cert = CertificateDer::from_pem_file(file("crt")).expect("a certificate");
    (vec![cert], PrivateKeyDer::from_pem_file(file("key")).expect("a key"))
}

/// Opens a connection with the certificate in `STEM.crt`, as a branch.
pub async fn connect(certs: &CertsDir, stem: &str, stream: TcpStream) -> io::Result<client::TlsStream<TcpStream>> {
    let (cert, key) = pair(certs, stem);
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Everybody))
        .with_client_auth_cert(cert, key)
        .expect("a pair");
    config.alpn_protocols = vec![b"passbook-branch".to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Accepts a connection with the certificate in `STEM.crt`.
pub async fn accept(certs: &CertsDir, stem: &str, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
    let (cert, key) = pair(certs, stem);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(cert, key)
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"passbook-branch".to_vec()];
    TlsAcceptor::from(Arc::new(config)).accept(stream).await
}
