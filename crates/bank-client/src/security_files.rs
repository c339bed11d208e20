//! The files from which a program takes the security of its connections, as its command line names them.

use std::path::PathBuf;

use bank_tls::files::{OwnFiles, SeveralClients};
use bank_tls::{CertsDir, Credentials, CredentialsError, TlsFiles};
use thiserror::Error;

use crate::security::{Security, Token, TokenFileError};

/// The files that a command line names. Without any, connections are plain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityFiles {
    /// Directory with the certificates of the authorities, and the client's own.
    pub certs_dir: Option<PathBuf>,
    /// Name of the client in that directory. `None` stands for the only one.
    pub client: Option<String>,
    /// Certificates of the authorities, instead of a directory.
    pub trusted_ca_file: Option<PathBuf>,
    /// The own certificate, instead of a directory.
    pub cert_file: Option<PathBuf>,
    /// The key of the own certificate, instead of a directory.
    pub key_file: Option<PathBuf>,
    /// The token.
    pub token_file: Option<PathBuf>,
}

/// Error of reading [`SecurityFiles`].
#[derive(Debug, Error)]
pub enum SecurityError {
    /// A directory and single files are named.
    #[error(
        "--certs-dir and --trusted-ca-file, --cert-file, --key-file exclude each other: give the directory (or \
         PASSBOOK_CERTS_DIR), or give the files"
    )]
    DirectoryAndFiles,
    /// A client is named, and no directory in which it has a key.
    #[error("--client names a key in a directory of certificates: give --certs-dir too")]
    ClientWithoutDirectory,
    /// The own certificate or its key is not named.
    #[error("--cert-file and --key-file belong together: give both")]
    HalfAnIdentity,
    /// No authority is named.
    #[error(
        "--cert-file needs --trusted-ca-file too: the certificate of the authority that the branches' are checked by"
    )]
    NoAuthority,
    /// The directory has keys of several clients.
    #[error("{0} (--client NAME)")]
    SeveralClients(#[from] SeveralClients),
    /// The certificates cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenFileError),
}

impl SecurityFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`SecurityError`].
    pub fn load(&self) -> Result<Security, SecurityError> {
        let token = self.token_file.as_deref().map(Token::read).transpose()?;
        let security = match self.tls()? {
            Some(files) => Security::tls(Credentials::load(files)?),
            None => Security::default(),
        };
        Ok(match token {
            Some(token) => security.with_token(token),
            None => security,
        })
    }

    fn tls(&self) -> Result<Option<TlsFiles>, SecurityError> {
        let own = match (&self.cert_file, &self.key_file) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(OwnFiles {
                cert: cert.clone(),
                key: key.clone(),
            }),
            _ => return Err(SecurityError::HalfAnIdentity),
        };
        match (&self.certs_dir, &self.trusted_ca_file) {
            (Some(_), authority) if own.is_some() || authority.is_some() => Err(SecurityError::DirectoryAndFiles),
            (Some(directory), _) => {
                let directory = CertsDir(directory.clone());
                Ok(Some(directory.of_client(self.client.as_deref())?))
            }
            (None, _) if self.client.is_some() => Err(SecurityError::ClientWithoutDirectory),
            (None, Some(trusted_ca)) => Ok(Some(TlsFiles {
                own,
                trusted_ca: trusted_ca.clone(),
                crl: None,
            })),
            (None, None) if own.is_some() => Err(SecurityError::NoAuthority),
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: bool, client: bool, authority: bool, cert: bool, key: bool) -> SecurityFiles {
        let path = |given: bool, name: &str| given.then(|| PathBuf::from(name));
        SecurityFiles {
            certs_dir: path(directory, "certs"),
            client: client.then(|| "ann".to_owned()),
            trusted_ca_file: path(authority, "a"),
            cert_file: path(cert, "c"),
            key_file: path(key, "k"),
            token_file: None,
        }
    }

    #[test]
    fn a_command_line_names_a_directory_or_files() {
        let found = files(false, false, false, false, false).tls().expect("plain");
        assert_eq!(found, None);
        let found = files(false, false, true, false, false)
            .tls()
            .expect("TLS")
            .expect("TLS");
        assert_eq!((found.own, found.trusted_ca), (None, PathBuf::from("a")));
        let found = files(false, false, true, true, true).tls().expect("TLS").expect("TLS");
        let own = found.own.expect("a certificate");
        assert_eq!((own.cert, own.key), (PathBuf::from("c"), PathBuf::from("k")));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        type Expected = fn(&SecurityError) -> bool;
        let table: [(SecurityFiles, Expected); 7] = [
            (files(true, false, true, false, false), |e| {
                matches!(e, SecurityError::DirectoryAndFiles)
            }),
            (files(true, false, false, true, true), |e| {
                matches!(e, SecurityError::DirectoryAndFiles)
            }),
            (files(false, true, false, false, false), |e| {
                matches!(e, SecurityError::ClientWithoutDirectory)
            }),
            (files(false, true, true, false, false), |e| {
                matches!(e, SecurityError::ClientWithoutDirectory)
            }),
            (files(false, false, true, true, false), |e| {
                matches!(e, SecurityError::HalfAnIdentity)
            }),
            (files(true, false, false, false, true), |e| {
                matches!(e, SecurityError::HalfAnIdentity)
            }),
            (files(false, false, false, true, true), |e| {
                matches!(e, SecurityError::NoAuthority)
            }),
        ];
        for (files, expected) in table {
            let error = files.tls().expect_err("refused");
            assert!(expected(&error), "{files:?}: {error}");
        }
    }
}
