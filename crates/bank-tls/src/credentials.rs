//! Certificates in use. They are read from files, checked, and read again when the files change, so that a renewed
//! certificate needs no restart.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;

use crate::certificate::{BadCertificate, Facts};
use crate::files::TlsFiles;
use crate::load::{self, Loaded};
use crate::subject::{Named, Subject};

pub use crate::load::CredentialsError;

/// Handshakes look for changed files once in this time at the most. It is short against the time that it takes to copy
/// files to a host, and long against the cost of looking.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A certificate and its key are two files, and are replaced one after the other. A start between the two waits for the
/// second one this often, this long.
const PAIR_TRIES: u32 = 10;
const PAIR_WAIT: Duration = Duration::from_millis(50);

/// The own certificate, the trusted authorities and the revoked certificates of one side. Clones share them, also after
/// they were read again.
#[derive(Clone)]
pub struct Credentials(Arc<Shared>);

struct Shared {
    files: TlsFiles,
    loaded: ArcSwap<Loaded>,
    /// When the files were last looked at. It is locked during a look, so that looks take turns.
    looked: Mutex<Instant>,
    /// Whether a handshake has taken up new files since the last call of [`Credentials::refresh`].
    news: AtomicBool,
}

/// The other side of a connection, as its certificate proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Owner of the certificate.
    pub named: Named,
    /// Serial number of the certificate, as hexadecimal digits.
    pub serial: String,
    /// Name of the authority that signed the certificate, in DER.
    pub issuer: Vec<u8>,
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
    /// A certificate that does not fit its key is read again for half a second, because a renewal replaces the two files
    /// one after the other.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn load(files: TlsFiles) -> Result<Self, CredentialsError> {
        let mut tries = 1;
        let loaded = loop {
            match load::load(&files) {
                Err(CredentialsError::OtherKey { .. }) if tries < PAIR_TRIES => thread::sleep(PAIR_WAIT),
                loaded => break loaded?,
            }
            tries += 1;
        };
        Ok(Self(Arc::new(Shared {
            files,
            loaded: ArcSwap::from_pointee(loaded),
            looked: Mutex::new(Instant::now()),
            news: AtomicBool::new(false),
        })))
    }

    /// Reads the files again if one of them has changed since they were read. Returns whether new ones were taken up since
    /// the last call. If the new files cannot be used, the old certificates stay in use, and the next call tries again.
    /// Handshakes do the same, once a second at the most, and report nothing.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn refresh(&self) -> Result<bool, CredentialsError> {
        let mut looked = self.0.looked.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *looked = Instant::now();
        let taken = self.take_up()?;
        Ok(self.0.news.swap(false, Ordering::Relaxed) || taken)
    }

    /// Owner of the own certificate. `None` without a certificate.
    pub fn me(&self) -> Option<Named> {
        self.0.loaded.load().own.as_ref().map(|own| own.named.clone())
    }

    /// End of the validity of the own certificate. `None` without a certificate.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.0.loaded.load().own.as_ref().map(|own| own.not_after)
    }

    /// The files that the certificates are read from.
    pub fn files(&self) -> &TlsFiles {
        &self.0.files
    }

    /// Whether the certificate of an open connection is still valid. It costs no system call but the time. An authority
    /// that is no longer trusted is not noticed here: it is refused for new connections only.
    ///
    /// # Errors
    /// See [`NotValid`].
    pub fn check(&self, peer: &Peer, now: SystemTime) -> Result<(), NotValid> {
        if now > peer.not_after {
            return Err(NotValid::Expired);
        }
        let loaded = self.0.loaded.load();
        let mut lists = loaded.revoked.iter().filter(|(issuer, _)| *issuer == peer.issuer);
        match lists.any(|(_, serials)| serials.contains(&peer.serial)) {
            true => Err(NotValid::Revoked),
            false => Ok(()),
        }
    }

    /// The certificates for a handshake, after a look at the files.
    pub(crate) fn for_handshake(&self) -> Arc<Loaded> {
        // While another handshake looks, this one goes on with what there is.
        if let Ok(mut looked) = self.0.looked.try_lock()
            && looked.elapsed() >= LOOK_EVERY
        {
            *looked = Instant::now();
            if matches!(self.take_up(), Ok(true)) {
                self.0.news.store(true, Ordering::Relaxed);
            }
        }
        self.0.loaded.load_full()
    }

    /// Reads the files if they have changed. The caller holds `looked`.
    fn take_up(&self) -> Result<bool, CredentialsError> {
        if load::stamps(&self.0.files) == self.0.loaded.load().stamps {
            return Ok(false);
        }
        let loaded = load::load(&self.0.files)?;
        self.check_owner(&loaded)?;
        self.0.loaded.store(Arc::new(loaded));
        Ok(true)
    }
}

impl Credentials {
    /// Refuses the certificate of another branch or bank in the place of a branch's. What the branch does rests on its
    /// number and its bank.
    fn check_owner(&self, loaded: &Loaded) -> Result<(), CredentialsError> {
        let before = self.me().filter(|me| matches!(me.subject, Subject::Branch(_)));
        match (before, &loaded.own, &self.0.files.own) {
            (Some(before), Some(own), Some(files)) if own.named != before => Err(CredentialsError::OtherOwner {
                path: files.cert.clone(),
                found: Box::new(own.named.clone()),
                before: Box::new(before),
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Credentials {
    /// Shows the files, and nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.0.files).finish()
    }
}

impl Peer {
    /// The owner of the first certificate of a verified chain.
    pub(crate) fn of_chain(chain: &[CertificateDer<'_>]) -> Result<Self, BadCertificate> {
        let facts = chain.first().and_then(|first| Facts::of_der(first));
        let facts = facts.ok_or_else(|| BadCertificate::Other("it is malformed".into()))?;
        Ok(Self {
            named: facts.owner?,
            serial: facts.serial,
            issuer: facts.issuer,
            not_after: facts.not_after,
        })
    }
}
