//! The files of certificates: which ones a program uses, and their names in a directory.

use std::fs;
use std::path::PathBuf;

/// A directory of certificates: `ca.crt`, `ca.key`, `ca.crl`, `branch.N.crt`, `branch.N.key`, `client.NAME.crt`,
/// `client.NAME.key`. `ca.crt` may hold several certificates, the old and the new one of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertsDir(pub PathBuf);

/// The files that one side of a connection uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The own certificate and its key, in PEM. A client that proves itself by a token has none.
    pub own: Option<OwnFiles>,
    /// Certificates of the authorities that are trusted, in PEM, one or more.
    pub trusted_ca: PathBuf,
    /// Revoked certificates, in PEM, one list for each authority. The file may be missing.
    pub crl: Option<PathBuf>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFiles {
    /// The certificate, followed by those between it and the authority, in PEM.
    pub cert: PathBuf,
    /// The key, in PEM. Only its owner may be able to read it.
    pub key: PathBuf,
}

impl CertsDir {
    /// Certificates of the trusted authorities.
    pub fn ca_cert(&self) -> PathBuf {
        self.0.join("ca.crt")
    }

    /// Key of the authority. Only the host where certificates are made needs it.
    pub fn ca_key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    /// Key of the authority that a rotation replaces. It can still revoke the certificates that it signed.
    pub fn old_ca_key(&self) -> PathBuf {
        self.0.join("ca.old.key")
    }

    /// Revoked certificates.
    pub fn crl(&self) -> PathBuf {
        self.0.join("ca.crl")
    }

    /// Certificate and key of a branch.
    pub fn branch(&self, branch: u32) -> OwnFiles {
        self.own(&format!("branch.{branch}"))
    }

    /// Certificate and key of a client.
    pub fn client(&self, name: &str) -> OwnFiles {
        self.own(&format!("client.{name}"))
    }

    /// The files of a branch.
    pub fn of_branch(&self, branch: u32) -> TlsFiles {
        self.files(Some(self.branch(branch)))
    }

    /// The files of a client. Without a name, those of the only client that has a key in the directory; without any,
    /// only the authorities.
    ///
    /// # Errors
    /// Several clients have a key in the directory.
    pub fn of_client(&self, name: Option<&str>) -> Result<TlsFiles, SeveralClients> {
        if let Some(name) = name {
            return Ok(self.files(Some(self.client(name))));
        }
        match self.clients_with_key().as_slice() {
            [] => Ok(self.files(None)),
            [name] => Ok(self.files(Some(self.client(name)))),
            names => Err(SeveralClients {
                directory: self.0.clone(),
                names: names.to_vec(),
            }),
        }
    }

    fn own(&self, stem: &str) -> OwnFiles {
        OwnFiles {
            cert: self.0.join(format!("{stem}.crt")),
            key: self.0.join(format!("{stem}.key")),
        }
    }

    fn files(&self, own: Option<OwnFiles>) -> TlsFiles {
        TlsFiles {
            own,
            trusted_ca: self.ca_cert(),
            crl: Some(self.crl()),
        }
    }

    /// Names of the clients that have a key in the directory, in order. A directory that cannot be read has none: the
    /// missing `ca.crt` is reported when it is read.
    fn clients_with_key(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let file = entry.file_name();
                let name = file.to_str()?.strip_prefix("client.")?.strip_suffix(".key")?;
                Some(name.to_owned()).filter(|name| !name.is_empty())
            })
            .collect();
        names.sort();
        names
    }
}

/// Error of looking for the files of a client.
#[derive(Debug, thiserror::Error)]
#[error("{directory} has keys of several clients ({names}): name one", directory = directory.display(), names = names.join(", "))]
pub struct SeveralClients {
    /// The directory.
    pub directory: PathBuf,
    /// Names of the clients.
    pub names: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_client_of_a_directory_is_found() {
        let directory = tempfile::tempdir().expect("a directory");
        let certs = CertsDir(directory.path().to_owned());
        fs::write(certs.client("bob").cert, "").expect("written");
        fs::write(certs.branch(1).key, "").expect("written");
        let without = certs.of_client(None).expect("no client has a key");
        assert_eq!(without.own, None);
        assert_eq!(without.trusted_ca, certs.ca_cert());

        fs::write(certs.client("alice").key, "").expect("written");
        let alice = certs.of_client(None).expect("one");
        assert_eq!(alice.own, Some(certs.client("alice")));

        fs::write(certs.client("carol.2").key, "").expect("written");
        let error = certs.of_client(None).expect_err("two");
        assert_eq!(error.names, ["alice", "carol.2"]);
        let carol = certs.of_client(Some("carol.2")).expect("named");
        assert_eq!(carol.own, Some(certs.client("carol.2")));
    }

    #[test]
    fn a_branch_has_a_certificate_and_a_key() {
        let certs = CertsDir(PathBuf::from("certs"));
        let files = certs.of_branch(3);
        let own = files.own.expect("own files");
        assert_eq!(own.cert, PathBuf::from("certs/branch.3.crt"));
        assert_eq!(own.key, PathBuf::from("certs/branch.3.key"));
        assert_eq!(files.crl, Some(PathBuf::from("certs/ca.crl")));
    }
}
