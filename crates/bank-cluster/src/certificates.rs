//! The certificates of a cluster: an authority of its own, one certificate for each branch, one for tellers and one for
//! operators. All of them are in one directory, which `branchd cert` and `--certs-dir` understand.

use crate::error::ClusterError;
use bank_auth::{ClientIdentity, Role};
use bank_client::{Security, SecurityFiles};
use bank_tls::{CertsDir, Validity, days};
use std::ffi::OsString;
use std::path::Path;
use std::time::SystemTime;

/// Name of the directory with the certificates, in the directory of the cluster.
pub const CERTS_DIR: &str = "certs";
/// Name of the client with the role teller. All customers share it: a run has as many as it likes, and each further
/// certificate costs some milliseconds.
pub const TELLER: &str = "teller";
/// Name of the client with the role operator.
pub const OPERATOR: &str = "operator";

/// How long the certificates are valid. A cluster is for tests and runs on one host, and nobody is to renew anything.
const VALID_DAYS: u32 = 3650;

/// What secures the calls to a cluster whose branches have certificates.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) teller: Security,
    pub(crate) operator: Security,
}

impl Certificates {
    /// Reads the certificates in a directory. Those that are missing are made.
    ///
    /// # Errors
    /// A certificate cannot be made or read.
    pub(crate) fn of(directory: &Path, branches: &[u32]) -> Result<Self, ClusterError> {
        let certs = CertsDir(directory.to_owned());
        let validity = Validity::from_now(SystemTime::now(), days(VALID_DAYS));
        if !certs.ca_cert().exists() {
            certs.create_authority(None, validity)?;
        }
        for &branch in branches.iter().filter(|branch| !certs.branch(**branch).cert.exists()) {
            certs.issue_branch(branch, &[], validity)?;
        }
        for (name, role) in [(TELLER, Role::Teller), (OPERATOR, Role::Operator)] {
            if !certs.client(name).cert.exists() {
                certs.issue_client(identity(name, role)?, validity)?;
            }
        }
        let security = |name: &str| {
            let files = SecurityFiles {
                certs_dir: Some(directory.to_owned()),
                client: Some(name.to_owned()),
                ..SecurityFiles::default()
            };
            files.load()
        };
        Ok(Certificates {
            teller: security(TELLER)?,
            operator: security(OPERATOR)?,
        })
    }
}

/// The flags by which a program connects as this client.
pub fn client_flags(directory: &Path, client: &str) -> Vec<OsString> {
    let directory = directory.as_os_str().to_owned();
    vec!["--certs-dir".into(), directory, "--client".into(), client.into()]
}

fn identity(name: &str, role: Role) -> Result<ClientIdentity, ClusterError> {
    Ok(ClientIdentity {
        name: name.parse()?,
        role,
        accounts: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_made_and_the_rest_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(CERTS_DIR);
        Certificates::of(&path, &[1, 2]).expect("made");
        let read = |name: &str| std::fs::read(path.join(name)).expect("there");
        let before = ["ca.crt", "branch.2.crt", "client.teller.crt"].map(read);
        assert!(!path.join("branch.3.crt").exists());
        let again = Certificates::of(&path, &[1, 2, 3]).expect("made");
        assert_eq!(["ca.crt", "branch.2.crt", "client.teller.crt"].map(read), before);
        assert!(path.join("branch.3.crt").exists());
        assert!(!again.teller.is_none() && again.teller.bank_id() == again.operator.bank_id());
    }
}
