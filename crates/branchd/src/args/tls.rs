//! The flags of `branchd start` for certificates, and the check of their combinations.

use std::path::PathBuf;

use bank_tls::{CertsDir, OwnFiles, TlsFiles};
use clap::{ArgAction, Args};

use crate::config::TlsConfig;

/// The certificates of a branch.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Certificates")]
pub struct TlsArguments {
    /// Directory with the certificates: branch.N.crt and branch.N.key for branch N, ca.crt, and ca.crl if there is one.
    /// `branchd cert` makes them. Every client then needs a certificate or a token, unless --client-cert-auth=false.
    #[arg(long, value_name = "DIR", env = "BRANCHD_CERTS_DIR")]
    pub certs_dir: Option<PathBuf>,
    /// Certificate of the branch, in PEM, with those between it and the authority.
    #[arg(long, value_name = "FILE", env = "BRANCHD_CERT_FILE")]
    pub cert_file: Option<PathBuf>,
    /// Key of the certificate, in PEM. Only its owner may be able to read it.
    #[arg(long, value_name = "FILE", env = "BRANCHD_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// Certificates of the authorities that are trusted, in PEM. For a rotation, the old one and the new one.
    #[arg(long, value_name = "FILE", env = "BRANCHD_TRUSTED_CA_FILE")]
    pub trusted_ca_file: Option<PathBuf>,
    /// Revoked certificates, in PEM, one list for each authority.
    #[arg(long, value_name = "FILE", env = "BRANCHD_CRL_FILE")]
    pub crl_file: Option<PathBuf>,
    /// Every client must prove who it is, by a certificate or a token.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", env = "BRANCHD_CLIENT_CERT_AUTH")]
    pub client_cert_auth: Option<bool>,
    /// As --certs-dir, for connections between branches. The default is the files for clients.
    #[arg(long, value_name = "DIR", env = "BRANCHD_PEER_CERTS_DIR")]
    pub peer_certs_dir: Option<PathBuf>,
    /// As --cert-file, for connections between branches.
    #[arg(long, value_name = "FILE", env = "BRANCHD_PEER_CERT_FILE")]
    pub peer_cert_file: Option<PathBuf>,
    /// As --key-file, for connections between branches.
    #[arg(long, value_name = "FILE", env = "BRANCHD_PEER_KEY_FILE")]
    pub peer_key_file: Option<PathBuf>,
    /// As --trusted-ca-file, for connections between branches.
    #[arg(long, value_name = "FILE", env = "BRANCHD_PEER_TRUSTED_CA_FILE")]
    pub peer_trusted_ca_file: Option<PathBuf>,
    /// As --crl-file, for connections between branches.
    #[arg(long, value_name = "FILE", env = "BRANCHD_PEER_CRL_FILE")]
    pub peer_crl_file: Option<PathBuf>,
    /// A branch with certificates always demands the certificate of another branch. So this flag may only be true.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", env = "BRANCHD_PEER_CLIENT_CERT_AUTH")]
    pub peer_client_cert_auth: Option<bool>,
}

/// Why flags for certificates do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsArgumentsError {
    /// The directory names all files already.
    #[error(
        "--{0}certs-dir names all files: leave --{0}cert-file, --{0}key-file, --{0}trusted-ca-file and --{0}crl-file out"
    )]
    DirectoryAndFiles(&'static str),
    /// A file is missing among those that are given.
    #[error(
        "--{part}cert-file, --{part}key-file and --{part}trusted-ca-file belong together: give --{part}{missing} too"
    )]
    Incomplete {
        /// `peer-`, or nothing.
        part: &'static str,
        /// The flag that is missing.
        missing: &'static str,
    },
    /// There are certificates for branches only.
    #[error("the certificates for branches need those for clients too: give --certs-dir or --cert-file")]
    BranchesOnly,
    /// A flag has no effect without certificates.
    #[error("--{0} has no effect without certificates: give --certs-dir or --cert-file")]
    NoCertificates(&'static str),
    /// Branches cannot do without certificates.
    #[error("--peer-client-cert-auth=false: branches with certificates always prove themselves by them")]
    BranchesUnproved,
    /// Plain text is allowed, and there are certificates.
    #[error(
        "--insecure allows connections that are not encrypted, and a branch with certificates takes none: give one of both"
    )]
    Insecure,
}

/// The files of one side, as they are given.
struct Given<'a> {
    /// The beginning of the names of these flags: `peer-`, or nothing.
    part: &'static str,
    directory: &'a Option<PathBuf>,
    cert: &'a Option<PathBuf>,
    key: &'a Option<PathBuf>,
    ca: &'a Option<PathBuf>,
    crl: &'a Option<PathBuf>,
}

impl Given<'_> {
    /// The files of a branch. `None` if no flag is given.
    fn files(&self, branch: u32) -> Result<Option<TlsFiles>, TlsArgumentsError> {
        let part = self.part;
        if let Some(directory) = self.directory {
            let files = [self.cert, self.key, self.ca, self.crl];
            if files.into_iter().any(Option::is_some) {
                return Err(TlsArgumentsError::DirectoryAndFiles(part));
            }
            return Ok(Some(CertsDir(directory.clone()).of_branch(branch)));
        }
        let missing = |missing| TlsArgumentsError::Incomplete { part, missing };
        match (self.cert, self.key, self.ca) {
            (None, None, None) if self.crl.is_none() => Ok(None),
            (Some(cert), Some(key), Some(ca)) => Ok(Some(TlsFiles {
                own: Some(OwnFiles {
                    cert: cert.clone(),
                    key: key.clone(),
                }),
                trusted_ca: ca.clone(),
                crl: self.crl.clone(),
            })),
            (None, ..) => Err(missing("cert-file")),
            (_, None, _) => Err(missing("key-file")),
            (.., None) => Err(missing("trusted-ca-file")),
        }
    }
}

impl TlsArguments {
    /// The files of a branch, and whether its clients must prove who they are. `None`: the branch has no certificates.
    ///
    /// # Errors
    /// See [`TlsArgumentsError`].
    pub(super) fn config(&self, branch: u32, insecure: bool) -> Result<Option<(TlsConfig, bool)>, TlsArgumentsError> {
        let clients = Given {
            part: "",
            directory: &self.certs_dir,
            cert: &self.cert_file,
            key: &self.key_file,
            ca: &self.trusted_ca_file,
            crl: &self.crl_file,
        };
        let branches = Given {
            part: "peer-",
            directory: &self.peer_certs_dir,
            cert: &self.peer_cert_file,
            key: &self.peer_key_file,
            ca: &self.peer_trusted_ca_file,
            crl: &self.peer_crl_file,
        };
        let (clients, branches) = (clients.files(branch)?, branches.files(branch)?);
        let Some(clients) = clients else {
            return match (branches, self.client_cert_auth, self.peer_client_cert_auth) {
                (Some(_), ..) => Err(TlsArgumentsError::BranchesOnly),
                (None, Some(true), _) => Err(TlsArgumentsError::NoCertificates("client-cert-auth")),
                (None, _, Some(true)) => Err(TlsArgumentsError::NoCertificates("peer-client-cert-auth")),
                _ => Ok(None),
            };
        };
        if self.peer_client_cert_auth == Some(false) {
            return Err(TlsArgumentsError::BranchesUnproved);
        }
        if insecure {
            return Err(TlsArgumentsError::Insecure);
        }
        let branches = branches.unwrap_or_else(|| clients.clone());
        let client_cert_auth = self.client_cert_auth.unwrap_or(self.certs_dir.is_some());
        Ok(Some((TlsConfig { clients, branches }, client_cert_auth)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Verb};
    use clap::Parser;

    fn config(flags: &str) -> Result<Option<(TlsConfig, bool)>, TlsArgumentsError> {
        let line = format!("branchd start --id 2 --listen 127.0.0.1:0 --data d {flags}");
        let Verb::Start(start) = Arguments::parse_from(line.split_whitespace()).verb else {
            panic!("start");
        };
        start.tls.config(start.id, start.insecure)
    }

    const FILES: &str = "--cert-file c --key-file k --trusted-ca-file a";

    #[test]
    fn the_files_are_those_that_the_flags_name() {
        assert!(config("").expect("no certificates").is_none());
        let (tls, demanded) = config("--certs-dir certs").expect("sound").expect("certificates");
        let own = tls.clients.own.as_ref().expect("a certificate");
        assert_eq!(own.cert, PathBuf::from("certs/branch.2.crt"));
        assert_eq!((tls.clients.clone(), demanded), (tls.branches, true));

        let (tls, demanded) = config(FILES).expect("sound").expect("certificates");
        let own = tls.branches.own.as_ref().expect("a certificate");
        assert_eq!(
            (own.key.clone(), tls.branches.crl, demanded),
            (PathBuf::from("k"), None, false)
        );
        let peer = format!("{FILES} --crl-file l --peer-certs-dir certs --client-cert-auth");
        let (tls, demanded) = config(&peer).expect("sound").expect("certificates");
        assert_eq!((tls.clients.crl, demanded), (Some(PathBuf::from("l")), true));
        assert_eq!(tls.branches.trusted_ca, PathBuf::from("certs/ca.crt"));
        let (_, demanded) = config("--certs-dir certs --client-cert-auth=false")
            .expect("sound")
            .expect("certificates");
        assert!(!demanded);
    }

    #[test]
    fn flags_that_do_not_fit_together_are_refused() {
        use TlsArgumentsError::*;
        let incomplete = |part, missing| Incomplete { part, missing };
        for (flags, error) in [
            ("--certs-dir d --key-file k", DirectoryAndFiles("")),
            (
                "--certs-dir d --peer-certs-dir d --peer-crl-file l",
                DirectoryAndFiles("peer-"),
            ),
            ("--key-file k --trusted-ca-file a", incomplete("", "cert-file")),
            ("--cert-file c --trusted-ca-file a", incomplete("", "key-file")),
            ("--cert-file c --key-file k", incomplete("", "trusted-ca-file")),
            ("--crl-file l", incomplete("", "cert-file")),
            (
                "--certs-dir d --peer-cert-file c --peer-trusted-ca-file a",
                incomplete("peer-", "key-file"),
            ),
            ("--peer-certs-dir d", BranchesOnly),
            ("--client-cert-auth", NoCertificates("client-cert-auth")),
            ("--peer-client-cert-auth", NoCertificates("peer-client-cert-auth")),
            ("--certs-dir d --peer-client-cert-auth=false", BranchesUnproved),
            ("--certs-dir d --insecure", Insecure),
        ] {
            assert_eq!(config(flags).map(drop), Err(error), "{flags}");
        }
    }
}
