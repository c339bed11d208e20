//! Errors of TLS in plain words, above all the alerts by which the other side says why it refused.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

/// The error of the TLS library inside an error of a stream.
pub(crate) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Why the other side ended a TLS connection, as a sentence, if an error or one of its sources says so.
///
/// With TLS 1.3 the side that opens a connection has done its part of the handshake before the other side has verified its
/// certificate. It learns of a refusal by an alert at its first read, so that the error comes from the protocol above TLS.
pub fn refusal_in(error: &(dyn Error + 'static)) -> Option<String> {
    let mut source = Some(error);
    while let Some(error) = source {
        // The error inside an `io::Error` is not among its sources.
        let inner = error.downcast_ref::<io::Error>().and_then(cause);
        if let Some(rustls::Error::AlertReceived(alert)) = inner.or_else(|| error.downcast_ref()) {
            return Some(format!("the branch refused the connection: {}", sentence(*alert)));
        }
        source = error.source();
    }
    None
}

/// What an alert says about the certificate that this side has given.
pub(crate) fn sentence(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::UnknownCA => "this side's certificate is signed by an authority that is not trusted there",
        AlertDescription::CertificateExpired => {
            "this side's certificate has expired or is not yet valid: renew it, and check the clocks of both hosts"
        }
        AlertDescription::CertificateRevoked => "this side's certificate was revoked: make a new one",
        AlertDescription::CertificateUnknown => {
            "this side's certificate names no owner, or one of another bank: see `branchd cert show`"
        }
        AlertDescription::UnsupportedCertificate => "this side's certificate is not made for this use",
        AlertDescription::CertificateRequired => "it demands a certificate, and this side gave none",
        AlertDescription::BadCertificate => "this side's certificate is malformed",
        AlertDescription::NoApplicationProtocol => "it is no branch of a bank, or of another version",
        AlertDescription::HandshakeFailure => {
            "it speaks no TLS: start the branch with --certs-dir, or connect without TLS"
        }
        AlertDescription::ProtocolVersion => "it does not speak TLS 1.3",
        other => return format!("it sent the TLS alert {other:?}"),
    };
    text.to_owned()
}
