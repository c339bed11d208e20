//! A directory of certificates with its authority: makes and renews certificates, revokes them, and rotates the authority.
//!
//! No file is overwritten but by a renewal, a rotation, and the list of revoked certificates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bank_auth::ClientIdentity;
use durable_file::Durability;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use uuid::Uuid;

use crate::certificate::Facts;
use crate::files::{CertsDir, OwnFiles};
use crate::issue::{Authority, BACKDATED, MakeError, Pair, Validity};
use crate::load::{self, CredentialsError};
use crate::subject::{Named, Subject};

/// Error of a change of a directory of certificates.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A file that is never overwritten is there.
    #[error("{path} exists already, and it is never overwritten: {remedy}", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Error of the file system.
        source: io::Error,
    },
    /// A file cannot be read, or does not hold what it should.
    #[error(transparent)]
    Read(#[from] CredentialsError),
    /// The key of the authority is not there.
    #[error("{path} is missing: run this where the key of the authority is, or begin with `branchd cert ca`", path = path.display())]
    NoAuthority {
        /// File of the key.
        path: PathBuf,
    },
    /// The key of the authority belongs to no certificate.
    #[error("the key in {key} belongs to no certificate in {cert}: put both files of one authority there", key = key.display(), cert = cert.display())]
    OtherAuthority {
        /// File of the key.
        key: PathBuf,
        /// File of the certificates.
        cert: PathBuf,
    },
    /// The authority is of no bank.
    #[error("the authority in {path} is of no bank: only one that `branchd cert ca` made can make certificates here", path = path.display())]
    NoBank {
        /// File of the certificates.
        path: PathBuf,
    },
    /// A certificate was signed by another authority.
    #[error("{path} is signed by another authority than that of {directory}", path = path.display(), directory = directory.display())]
    NotOurs {
        /// File of the certificate.
        path: PathBuf,
        /// The directory.
        directory: PathBuf,
    },
    /// The certificate is of an authority, which is neither renewed nor revoked but rotated.
    #[error("{path} is of an authority: replace it by `branchd cert ca --rotate`", path = path.display())]
    OfAuthority {
        /// File of the certificate.
        path: PathBuf,
    },
    /// A certificate names no owner.
    #[error("{path}: the certificate {why}", path = path.display())]
    Owner {
        /// File of the certificate.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No rotation is under way.
    #[error("no rotation is under way: {path} is missing", path = path.display())]
    NoRotation {
        /// File of the old key.
        path: PathBuf,
    },
    /// Certificates of the old authority are still in the directory.
    #[error(
        "the old authority signed certificates that are still valid: first run `branchd cert renew {}`, and copy the new files to their hosts",
        shown(files)
    )]
    StillUsed {
        /// Files of the certificates.
        files: Vec<PathBuf>,
    },
    /// The certificate was not made.
    #[error(transparent)]
    Make(#[from] MakeError),
}

fn shown(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    names.join(" ")
}

/// A certificate in a file, and whether its authority revoked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// What the certificate says.
    pub facts: Facts,
    /// Whether it is revoked.
    pub revoked: bool,
}

impl CertsDir {
    /// Makes the authority of a bank, and the directory if it is missing. Without a bank it is that of a new one, whose id
    /// is returned.
    ///
    /// # Errors
    /// See [`IssueError`]. An authority that is there is left as it is.
    pub fn create_authority(&self, bank: Option<Uuid>, validity: Validity) -> Result<Uuid, IssueError> {
        let bank = bank.unwrap_or_else(Uuid::new_v4);
        fs::create_dir_all(&self.0).map_err(write_failed(&self.0))?;
        let files = OwnFiles {
            cert: self.ca_cert(),
            key: self.ca_key(),
        };
        let remedy = "for a new authority beside the old one use `branchd cert ca --rotate`";
        create_pair(&files, remedy, || Ok(Authority::make(bank, validity)?))?;
        Ok(bank)
    }

    /// Begins a rotation: makes a new authority of the same bank, which signs from now on. The certificates of both stand
    /// in `ca.crt`, and the old key stays to revoke what it signed.
    ///
    /// A stop in the middle leaves the old authority in use. [`CertsDir::drop_old_authority`] removes what is left over.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn rotate_authority(&self, validity: Validity) -> Result<(), IssueError> {
        let old_key = load::private_text(&self.ca_key())?;
        let bank = self.bank(&self.authority()?)?;
        let certificates = load::text(&self.ca_cert())?;
        let new = Authority::make(bank, validity)?;
        let remedy = "a rotation is under way, so end it with `branchd cert ca --drop-old`";
        create(&self.old_ca_key(), &old_key, remedy, durable_file::create_private)?;
        let both = joined([new.cert.as_str(), &certificates]);
        replace(&self.ca_cert(), &both, durable_file::replace)?;
        replace(&self.ca_key(), &new.key, durable_file::replace_private)
    }

    /// Ends a rotation: the old authority is trusted no more, its list of revoked certificates is dropped, and its key is
    /// removed. Authorities of others in `ca.crt` stay.
    ///
    /// # Errors
    /// See [`IssueError`]. It is refused while a valid certificate of the old authority is in the directory.
    pub fn drop_old_authority(&self) -> Result<(), IssueError> {
        let old_key = self.old_ca_key();
        if !old_key.exists() {
            return Err(IssueError::NoRotation { path: old_key });
        }
        let current = self.authority()?;
        let bank = self.bank(&current)?;
        let trusted = load::text(&self.ca_cert())?;
        let (gone, kept): (Vec<_>, Vec<_>) = blocks(&trusted, CERTIFICATE_END).into_iter().partition(|block| {
            certificate_facts(block)
                .is_some_and(|facts| facts.authority_of == Some(bank) && facts.subject != current.facts().subject)
        });
        let gone: Vec<Facts> = gone.into_iter().filter_map(certificate_facts).collect();
        let is_gone = |issuer: &[u8]| gone.iter().any(|facts| facts.subject == issuer);

        let now = SystemTime::now();
        let mut used = self.list()?;
        used.retain(|found| {
            let valid = !found.revoked && found.facts.not_after > now;
            !found.facts.is_authority && valid && is_gone(&found.facts.issuer)
        });
        if !used.is_empty() {
            let files = used.into_iter().map(|found| found.path).collect();
            return Err(IssueError::StillUsed { files });
        }
        replace(&self.ca_cert(), &joined(kept), durable_file::replace)?;
        if let Some(lists) = self.lists()? {
            let mut kept = blocks(&lists, LIST_END);
            kept.retain(|block| !list_issuer(block).is_some_and(|issuer| is_gone(&issuer)));
            replace(&self.crl(), &joined(kept), durable_file::replace)?;
        }
        fs::remove_file(&old_key).map_err(write_failed(&old_key))
    }

    /// Makes the certificate of a branch, for these hosts and those of the same machine.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue_branch(&self, branch: u32, hosts: &[String], validity: Validity) -> Result<OwnFiles, IssueError> {
        self.issue(self.branch(branch), Subject::Branch(branch), hosts, validity)
    }

    /// Makes the certificate of a client.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue_client(&self, client: ClientIdentity, validity: Validity) -> Result<OwnFiles, IssueError> {
        self.issue(
            self.client(client.name.as_str()),
            Subject::Client(client),
            &[],
            validity,
        )
    }

    fn issue(
        &self,
        files: OwnFiles,
        subject: Subject,
        hosts: &[String],
        validity: Validity,
    ) -> Result<OwnFiles, IssueError> {
        let authority = self.authority()?;
        let owner = Named {
            bank: self.bank(&authority)?,
            subject,
        };
        let remedy = "use `branchd cert renew` for a new key and certificate of the same owner";
        create_pair(&files, remedy, || Ok(authority.issue(&owner, hosts, validity)?))?;
        Ok(files)
    }

    /// Replaces a certificate and its key, which stands beside it: the same owner, hosts and length of time (or another
    /// length), signed by the current authority.
    ///
    /// The key is replaced first and the certificate right after. Who reads between the two finds a pair that does not
    /// fit, keeps the old one and reads again. After a stop between the two the same call makes a pair that fits.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn renew(&self, cert: &Path, validity: Option<Validity>) -> Result<OwnFiles, IssueError> {
        let old = leaf_facts(cert)?;
        let owner = old.owner.clone().map_err(|error| IssueError::Owner {
            path: cert.to_owned(),
            why: error.to_string(),
        })?;
        let authority = self.authority()?;
        if self.bank(&authority)? != owner.bank {
            return Err(self.not_ours(cert));
        }
        let validity = validity.unwrap_or_else(|| {
            let length = old.not_after.duration_since(old.not_before + BACKDATED);
            Validity::from_now(SystemTime::now(), length.unwrap_or_default())
        });
        let pair = authority.issue(&owner, &old.hosts, validity)?;
        let files = OwnFiles {
            cert: cert.to_owned(),
            key: cert.with_extension("key"),
        };
        replace(&files.key, &pair.key, durable_file::replace_private)?;
        replace(&files.cert, &pair.cert, durable_file::replace)?;
        Ok(files)
    }

    /// Revokes a certificate: puts it on the list of the authority that signed it.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn revoke(&self, cert: &Path) -> Result<Facts, IssueError> {
        let facts = leaf_facts(cert)?;
        let current = self.authority()?;
        let authority = match current.signed(&facts) {
            true => Some(current),
            false if self.old_ca_key().exists() => Some(self.authority_with(&self.old_ca_key())?),
            false => None,
        };
        let authority = authority.filter(|found| found.signed(&facts));
        let authority = authority.ok_or_else(|| self.not_ours(cert))?;

        let lists = self.lists()?.unwrap_or_default();
        let (own, mut all): (Vec<_>, Vec<_>) = blocks(&lists, LIST_END)
            .into_iter()
            .partition(|block| list_issuer(block).is_some_and(|issuer| issuer == facts.issuer));
        let last = own
            .first()
            .and_then(|block| CertificateRevocationListDer::from_pem_slice(block.as_bytes()).ok());
        let next = authority.revoke(last.as_ref(), &facts, SystemTime::now())?;
        all.push(&next);
        replace(&self.crl(), &joined(all), durable_file::replace)?;
        Ok(facts)
    }

    /// All certificates of the directory, by the name of their files.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn list(&self) -> Result<Vec<Listed>, IssueError> {
        let entries = fs::read_dir(&self.0).map_err(read_failed(&self.0))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(read_failed(&self.0))?.path();
            if path.extension().is_some_and(|extension| extension == "crt") {
                files.push(path);
            }
        }
        files.sort();
        let mut found = Vec::new();
        for file in files {
            found.extend(self.look_at(&file)?);
        }
        Ok(found)
    }

    /// The certificates in a file. The list of this directory says which are revoked.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn look_at(&self, file: &Path) -> Result<Vec<Listed>, IssueError> {
        let revoked = load::revocations(Some(&self.crl()))?.1;
        let certificates = load::certificates(file)?;
        let listed = certificates.iter().map(|certificate| {
            let facts = facts_of(certificate, file)?;
            let mut lists = revoked.iter().filter(|(issuer, _)| *issuer == facts.issuer);
            Ok(Listed {
                path: file.to_owned(),
                revoked: lists.any(|(_, serials)| serials.contains(&facts.serial)),
                facts,
            })
        });
        listed.collect()
    }

    /// The authority that signs.
    fn authority(&self) -> Result<Authority, IssueError> {
        let key = self.ca_key();
        match key.exists() {
            true => self.authority_with(&key),
            false => Err(IssueError::NoAuthority { path: key }),
        }
    }

    fn authority_with(&self, key: &Path) -> Result<Authority, IssueError> {
        let cert = self.ca_cert();
        let certificates = load::certificates(&cert)?;
        Authority::open(&certificates, &load::private_text(key)?)?.ok_or_else(|| IssueError::OtherAuthority {
            key: key.to_owned(),
            cert,
        })
    }

    fn bank(&self, authority: &Authority) -> Result<Uuid, IssueError> {
        let bank = authority.facts().authority_of;
        bank.ok_or_else(|| IssueError::NoBank { path: self.ca_cert() })
    }

    /// The text of the lists of revoked certificates. `None` if nothing was revoked.
    fn lists(&self) -> Result<Option<String>, IssueError> {
        match self.crl().exists() {
            true => Ok(Some(load::text(&self.crl())?)),
            false => Ok(None),
        }
    }

    fn not_ours(&self, cert: &Path) -> IssueError {
        IssueError::NotOurs {
            path: cert.to_owned(),
            directory: self.0.clone(),
        }
    }
}

const CERTIFICATE_END: &str = "-----END CERTIFICATE-----";
const LIST_END: &str = "-----END X509 CRL-----";

/// The parts of a PEM file, each with its end line and what stands before it.
fn blocks<'a>(text: &'a str, end: &str) -> Vec<&'a str> {
    text.split_inclusive(end)
        .filter(|block| block.ends_with(end))
        .map(str::trim)
        .collect()
}

/// The text of a PEM file with these parts.
fn joined<'a>(blocks: impl IntoIterator<Item = &'a str>) -> String {
    blocks.into_iter().map(|block| format!("{}\n", block.trim())).collect()
}

fn certificate_facts(block: &str) -> Option<Facts> {
    let der = CertificateDer::from_pem_slice(block.as_bytes()).ok()?;
    Facts::of_der(&der)
}

fn list_issuer(block: &str) -> Option<Vec<u8>> {
    let list = CertificateRevocationListDer::from_pem_slice(block.as_bytes()).ok()?;
    load::list_entries(&list).map(|(issuer, _)| issuer)
}

fn facts_of(certificate: &CertificateDer<'_>, file: &Path) -> Result<Facts, IssueError> {
    let facts = Facts::of_der(certificate);
    facts.ok_or_else(|| IssueError::Read(load::content(file, "certificate", "it is malformed")))
}

/// The first certificate of a file, which is of a branch or a client.
fn leaf_facts(file: &Path) -> Result<Facts, IssueError> {
    let facts = facts_of(&load::certificates(file)?[0], file)?;
    match facts.is_authority {
        true => Err(IssueError::OfAuthority { path: file.to_owned() }),
        false => Ok(facts),
    }
}

/// Writes a new pair. Nothing is made if one of the two files is there.
fn create_pair(
    files: &OwnFiles,
    remedy: &'static str,
    make: impl FnOnce() -> Result<Pair, IssueError>,
) -> Result<(), IssueError> {
    if let Some(path) = [&files.cert, &files.key].into_iter().find(|path| path.exists()) {
        let path = path.clone();
        return Err(IssueError::Exists { path, remedy });
    }
    let pair = make()?;
    create(&files.key, &pair.key, remedy, durable_file::create_private)?;
    create(&files.cert, &pair.cert, remedy, durable_file::create).inspect_err(|_| {
        // A key without a certificate would only be in the way. It is new, so nothing is lost.
        let _ = fs::remove_file(&files.key);
    })
}

type Write = fn(&Path, &[u8], Durability) -> io::Result<()>;

fn create(path: &Path, text: &str, remedy: &'static str, write: Write) -> Result<(), IssueError> {
    write(path, text.as_bytes(), Durability::Host).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => IssueError::Exists {
            path: path.to_owned(),
            remedy,
        },
        _ => write_failed(path)(error),
    })
}

fn replace(path: &Path, text: &str, write: Write) -> Result<(), IssueError> {
    write(path, text.as_bytes(), Durability::Host).map_err(write_failed(path))
}

fn write_failed(path: &Path) -> impl FnOnce(io::Error) -> IssueError {
    let path = path.to_owned();
    move |source| IssueError::Write { path, source }
}

fn read_failed(path: &Path) -> impl FnOnce(io::Error) -> IssueError {
    let path = path.to_owned();
    move |source| IssueError::Read(CredentialsError::Io { path, source })
}
