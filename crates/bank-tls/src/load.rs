//! Reads the files of certificates and checks that they belong together.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use durable_file::FileStamp;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, ServerConfig};
use webpki::{CertRevocationList, KeyUsage, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::certificate::{BadCertificate, Facts, serial_text};
use crate::channel::Purpose;
use crate::files::{OwnFiles, TlsFiles};
use crate::subject::{Named, Subject};
use crate::verify::{BranchVerifier, CallerVerifier, Trust};

/// Largest number of bytes of a file. A list with 50,000 revoked certificates is smaller.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Error of reading the files of certificates.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// An error of the file system.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the file system.
        source: io::Error,
    },
    /// Others than the owner of the file may read or change the key.
    #[error("{path} can be read or changed by others (mode {mode:04o}): run `chmod 600 {path}`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
    /// A file does not hold what it should.
    #[error("{path} holds no usable {what}: {why}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was expected: `certificate`, `key` or `list of revoked certificates`.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The key is not the one of the certificate.
    #[error("the key in {key} does not belong to the certificate in {cert}: put both files of one pair there", key = key.display(), cert = cert.display())]
    OtherKey {
        /// File of the certificate.
        cert: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
    /// The own certificate is not valid.
    #[error("{path}: the certificate {why}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: BadCertificate,
    },
    /// A new certificate is not of the same branch as the one in use.
    #[error(
        "{path} is the certificate of {now} now, and was that of {was}: put a certificate of {was} there",
        path = path.display(), now = shown(found), was = shown(before)
    )]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Owner of the new certificate.
        found: Box<Named>,
        /// Owner of the certificate in use.
        before: Box<Named>,
    },
    /// The TLS library does not take the certificates.
    #[error("the certificates cannot be used for TLS: {0}")]
    Tls(#[from] rustls::Error),
}

fn shown(named: &Named) -> String {
    format!("{} of bank {}", named.subject, named.bank)
}

/// What the files of one side hold, checked and ready for handshakes.
pub(crate) struct Loaded {
    pub(crate) own: Option<Own>,
    pub(crate) ca: PathBuf,
    /// For connections to branches as a branch, and as a client.
    pub(crate) as_branch: Arc<ClientConfig>,
    pub(crate) as_client: Arc<ClientConfig>,
    /// Only a branch is connected to.
    pub(crate) server: Option<Arc<ServerConfig>>,
    /// Serial numbers of revoked certificates by the name of their authority.
    pub(crate) revoked: Vec<Entries>,
    pub(crate) stamps: Stamps,
}

/// The own certificate.
pub(crate) struct Own {
    pub(crate) named: Named,
    pub(crate) not_after: SystemTime,
}

/// When files were changed. It differs if one of them was written or replaced.
pub(crate) type Stamps = Vec<Option<FileStamp>>;

/// The stamps of the files as they are now. They are taken before the files are read, so that a change while they are read
/// is found the next time.
pub(crate) fn stamps(files: &TlsFiles) -> Stamps {
    let own = files.own.iter().flat_map(|own| [&own.cert, &own.key]);
    own.chain([&files.trusted_ca])
        .chain(&files.crl)
        .map(|path| fs::metadata(path).ok().map(|found| FileStamp::of(&found)))
        .collect()
}

/// Reads and checks the files.
pub(crate) fn load(files: &TlsFiles) -> Result<Loaded, CredentialsError> {
    let stamps = stamps(files);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (crls, revoked) = revocations(files.crl.as_deref())?;
    let trust = Arc::new(Trust {
        ca: files.trusted_ca.clone(),
        roots: authorities(&files.trusted_ca)?,
        crls,
        provider: Arc::clone(&provider),
    });
    let own = match &files.own {
        Some(own) => Some(own_certificate(own, &trust, &provider)?),
        None => None,
    };
    let (own, key) = own.unzip();
    Ok(Loaded {
        as_branch: client_config(&trust, key.as_ref(), Purpose::Branch)?,
        as_client: client_config(&trust, key.as_ref(), Purpose::Client)?,
        server: match (&own, &key) {
            (Some(own), Some(key)) if matches!(own.named.subject, Subject::Branch(_)) => {
                Some(server_config(&trust, own, key)?)
            }
            _ => None,
        },
        own,
        ca: files.trusted_ca.clone(),
        revoked,
        stamps,
    })
}

fn authorities(path: &Path) -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let bad = |why: String| content(path, "certificate", why);
        // A leaf among the authorities would be trusted to sign others, which its maker did not mean.
        match Facts::of_der(&certificate) {
            Some(facts) if facts.is_authority => {}
            _ => return Err(bad("every one must be of an authority".into())),
        }
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    Ok(roots)
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let text = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| content(path, "certificate", error))?;
    match all.is_empty() {
        true => Err(content(path, "certificate", "it has none in PEM form")),
        false => Ok(all),
    }
}

/// The name of an authority, in DER, and the serial numbers of the certificates that it revoked.
pub(crate) type Entries = (Vec<u8>, HashSet<String>);

/// The lists in a file, none if it is missing.
pub(crate) fn revocations(
    path: Option<&Path>,
) -> Result<(Vec<CertRevocationList<'static>>, Vec<Entries>), CredentialsError> {
    let mut found = (Vec::new(), Vec::new());
    let Some(path) = path else { return Ok(found) };
    let text = match read(path) {
        Err(CredentialsError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(found),
        text => text?,
    };
    let bad = |why: String| content(path, "list of revoked certificates", why);
    for list in CertificateRevocationListDer::pem_slice_iter(&text) {
        let list = list.map_err(|error| bad(error.to_string()))?;
        found
            .1
            .push(list_entries(&list).ok_or_else(|| bad("it is malformed".into()))?);
        let owned = OwnedCertRevocationList::from_der(&list).map_err(|error| bad(error.to_string()))?;
        found.0.push(owned.into());
    }
    Ok(found)
}

/// What a list in DER says. `None` if it is none.
pub(crate) fn list_entries(list: &CertificateRevocationListDer<'_>) -> Option<Entries> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    let serials = list.iter_revoked_certificates();
    let serials = serials.map(|revoked| serial_text(revoked.raw_serial())).collect();
    Some((list.issuer().as_raw().to_vec(), serials))
}

fn own_certificate(
    files: &OwnFiles,
    trust: &Trust,
    provider: &CryptoProvider,
) -> Result<(Own, Arc<CertifiedKey>), CredentialsError> {
    let chain = certificates(&files.cert)?;
    let refused = |why| CredentialsError::Certificate {
        path: files.cert.clone(),
        why,
    };
    let first = &chain[0];
    let facts = Facts::of_der(first).ok_or_else(|| content(&files.cert, "certificate", "it is malformed"))?;
    let own = Own {
        named: facts.owner.map_err(|error| refused(error.into()))?,
        not_after: facts.not_after,
    };
    let uses: &[KeyUsage] = match own.named.subject {
        Subject::Branch(_) => &[KeyUsage::server_auth(), KeyUsage::client_auth()],
        Subject::Client(_) => &[KeyUsage::client_auth()],
    };
    for usage in uses {
        trust
            .verify(first, &chain[1..], UnixTime::now(), *usage)
            .map_err(|error| refused(BadCertificate::of(&error, &trust.ca)))?;
    }
    let key = private_key(&files.key)?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CredentialsError::OtherKey {
            cert: files.cert.clone(),
            key: files.key.clone(),
        },
        other => content(&files.key, "key", other),
    })?;
    Ok((own, Arc::new(key)))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialsError> {
    let text = read_checked(path, true)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => content(path, "key", "it has none in PEM form"),
        other => content(path, "key", other),
    })
}

fn client_config(
    trust: &Arc<Trust>,
    key: Option<&Arc<CertifiedKey>>,
    purpose: Purpose,
) -> Result<Arc<ClientConfig>, CredentialsError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&trust.provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BranchVerifier(Arc::clone(trust))));
    let mut config = match key {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![purpose.alpn().to_vec()];
    // A resumed session would skip the check of the certificate.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn server_config(
    trust: &Arc<Trust>,
    own: &Own,
    key: &Arc<CertifiedKey>,
) -> Result<Arc<ServerConfig>, CredentialsError> {
    let verifier = CallerVerifier {
        trust: Arc::clone(trust),
        bank: own.named.bank,
        authorities: trust.roots.subjects(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&trust.provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key))));
    config.alpn_protocols = Purpose::ALL.map(|purpose| purpose.alpn().to_vec()).to_vec();
    // A resumed session would skip the check of the certificate.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, CredentialsError> {
    String::from_utf8(read(path)?).map_err(|error| content(path, "text", error))
}

/// The text of a file that its owner alone may read.
pub(crate) fn private_text(path: &Path) -> Result<String, CredentialsError> {
    String::from_utf8(read_checked(path, true)?).map_err(|_| content(path, "key", "it is no text"))
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    read_checked(path, false)
}

fn read_checked(path: &Path, private: bool) -> Result<Vec<u8>, CredentialsError> {
    let failed = |source| CredentialsError::Io {
        path: path.to_owned(),
        source,
    };
    // The type is checked before the file is opened, because opening a FIFO would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )));
    }
    let file = File::open(path).map_err(failed)?;
    // The permissions are those of the open file, so that the checked file is the file that is read.
    let open = durable_file::open_to_others(&file.metadata().map_err(failed)?);
    if let Some(mode) = open.filter(|_| private) {
        let path = path.to_owned();
        return Err(CredentialsError::Open { path, mode });
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    match text.len() as u64 > FILE_BYTES_MAX {
        true => Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"))),
        false => Ok(text),
    }
}

/// Error of a file that does not hold what it should.
pub(crate) fn content(path: &Path, what: &'static str, why: impl ToString) -> CredentialsError {
    CredentialsError::Content {
        path: path.to_owned(),
        what,
        why: why.to_string(),
    }
}
