//! The files of certificates: which ones a program uses, and their names in a directory.

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
    /// The files of a branch.
    pub fn of_branch(&self, branch: u32) -> TlsFiles {
        let _ = branch;
        todo!()
    }

    /// The files of a client. Without a name, those of the only client that has a key in the directory; without any,
    /// only the authorities.
    ///
    /// # Errors
    /// Several clients have a key in the directory.
    pub fn of_client(&self, name: Option<&str>) -> Result<TlsFiles, SeveralClients> {
        let _ = name;
        todo!()
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
