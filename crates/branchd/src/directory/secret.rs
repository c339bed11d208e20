//! The secret of a branch: the file `secret` in its data directory, which is written once.

use std::path::{Path, PathBuf};

use bank_auth::{Secret, SecretFileError, file};

use super::DataDirectory;

/// The name of the file with a new bank's secret, beside the data directories of its branches.
pub const BANK_SECRET_FILE: &str = "bank.secret";

/// The source of the secret for a branch that has none yet.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// The operator has given the secret.
    Given {
        /// The bank's secret.
        secret: Secret,
        /// The file that the secret was read from, for messages.
        from: String,
    },
    /// The file [`BANK_SECRET_FILE`] beside the data directory. It is created if it is missing, unless the branch has
    /// certificates. So the branches of a bank on one host need no configured secret.
    Beside,
    /// No source. A branch without a secret is refused, unless it has certificates.
    Nowhere,
}

/// Why a branch has no usable secret.
#[derive(Debug, thiserror::Error)]
pub enum BranchSecretError {
    /// A secret file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The branch has another secret than the operator gave.
    #[error(
        "{path} holds another secret than {given}: start the branch without --secret-file, or remove {path} first if \
         the bank's secret was changed at every branch",
        path = path.display()
    )]
    Differs {
        /// The file with the branch's own secret.
        path: PathBuf,
        /// The file with the secret that the operator gave.
        given: String,
    },
    /// The branch listens beyond its host and has no secret.
    #[error(
        "branch {branch} has no secret, and listens beyond this host: run `branchd secret --new {BANK_SECRET_FILE}` \
         once for the bank, copy the file to every host, and start each branch with --secret-file {BANK_SECRET_FILE}"
    )]
    NoneGiven {
        /// The number of the branch.
        branch: u32,
    },
    /// The branch belongs to a bank and has no secret. The bank is older than secrets, or the file was removed.
    #[error(
        "{path} is missing, and branch {branch} has a bank, so that no other branch would know it: if the bank is \
         from before secrets, run `branchd secret --new {BANK_SECRET_FILE}` once, then start every branch once with \
         --secret-file {BANK_SECRET_FILE}; otherwise start it once with --secret-file and the bank's own",
        path = path.display()
    )]
    OldBank {
        /// The missing file.
        path: PathBuf,
        /// The number of the branch.
        branch: u32,
    },
}

/// Returns the secret of the branch in this directory. A new secret is stored there and durable when this returns.
/// `None`: the branch has certificates and needs no secret, and none was given.
///
/// # Errors
/// See [`BranchSecretError`].
pub(crate) fn settle(
    directory: &DataDirectory,
    source: &SecretSource,
    has_certificates: bool,
) -> Result<Option<Secret>, BranchSecretError> {
    let path = directory.secret();
    let kept = match file::read(&path) {
        Ok(kept) => Some(kept),
        Err(SecretFileError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(kept) = kept {
        return match source {
            SecretSource::Given { secret, from } if *secret != kept => Err(BranchSecretError::Differs {
                path,
                given: from.clone(),
            }),
            _ => Ok(Some(kept)),
        };
    }
    let branch = directory.branch();
    let secret = match source {
        SecretSource::Given { secret, .. } => secret.clone(),
        SecretSource::Beside if has_certificates => match file::read(&beside(directory.path())) {
            Err(SecretFileError::Missing { .. }) => return Ok(None),
            found => found?,
        },
        SecretSource::Nowhere if has_certificates => return Ok(None),
        _ if directory.bank_id().is_some() => return Err(BranchSecretError::OldBank { path, branch }),
        SecretSource::Beside => file::read_or_create(&beside(directory.path()))?,
        SecretSource::Nowhere => return Err(BranchSecretError::NoneGiven { branch }),
    };
    file::create(&path, &secret)?;
    Ok(Some(secret))
}

/// The path of the bank's secret file beside a data directory.
fn beside(data: &Path) -> PathBuf {
    // The path of `.` or of a symbolic link does not show the parent directory.
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    data.parent().unwrap_or(&data).join(BANK_SECRET_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn secret() -> Secret {
        Secret::random().expect("randomness")
    }

    fn given(secret: &Secret) -> SecretSource {
        SecretSource::Given {
            secret: secret.clone(),
            from: "given.secret".to_owned(),
        }
    }

    /// Settles the secret of a branch without certificates.
    fn settle(directory: &DataDirectory, source: &SecretSource) -> Result<Secret, BranchSecretError> {
        super::settle(directory, source, false).map(|secret| secret.expect("a secret"))
    }

    #[test]
    fn a_branch_with_certificates_takes_a_secret_that_is_there_and_makes_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let directory = DataDirectory::open(&dir.path().join("d1"), 1).expect("new");
        for source in [SecretSource::Nowhere, SecretSource::Beside] {
            assert_eq!(super::settle(&directory, &source, true).expect("none is needed"), None);
        }
        assert!(!dir.path().join(BANK_SECRET_FILE).exists() && !directory.secret().exists());
        let secret = file::create_random(&dir.path().join(BANK_SECRET_FILE)).expect("made");
        assert_eq!(
            super::settle(&directory, &SecretSource::Nowhere, true).expect("none is needed"),
            None
        );
        for source in [SecretSource::Beside, SecretSource::Nowhere] {
            let found = super::settle(&directory, &source, true).expect("found");
            assert_eq!(found, Some(secret.clone()));
        }
    }

    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn branches_side_by_side_get_one_secret_and_keep_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let [one, two] = [1, 2].map(|branch| DataDirectory::open(&dir.path().join(format!("d{branch}")), branch));
        let (one, two) = (one.expect("new"), two.expect("new"));
        let secret = settle(&one, &SecretSource::Beside).expect("one");
        assert_eq!(settle(&two, &SecretSource::Beside).expect("one"), secret);
        for path in [dir.path().join(BANK_SECRET_FILE), one.secret(), two.secret()] {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        // A branch that has its secret needs no other file.
        std::fs::remove_file(dir.path().join(BANK_SECRET_FILE)).expect("removed");
        for source in [SecretSource::Beside, SecretSource::Nowhere, given(&secret)] {
            assert_eq!(settle(&one, &source).expect("kept"), secret);
        }
        assert!(!dir.path().join(BANK_SECRET_FILE).exists());
    }

    #[test]
    fn a_branch_without_a_secret_is_told_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let directory = DataDirectory::open(&dir.path().join("d3"), 3).expect("new");
        let refused = settle(&directory, &SecretSource::Nowhere)
            .expect_err("refused")
            .to_string();
        assert!(refused.contains("branchd secret --new bank.secret"), "{refused}");
        // The bank of this branch is older than secrets.
        directory.join(Uuid::new_v4()).expect("a bank");
        for source in [SecretSource::Nowhere, SecretSource::Beside] {
            let refused = settle(&directory, &source).expect_err("refused").to_string();
            assert!(
                refused.contains("branchd secret --new bank.secret")
                    && refused.contains("start every branch once with --secret-file"),
                "{refused}"
            );
        }
        assert!(!dir.path().join(BANK_SECRET_FILE).exists());
        let secret = secret();
        assert_eq!(settle(&directory, &given(&secret)).expect("given"), secret);
        assert_eq!(settle(&directory, &SecretSource::Nowhere).expect("kept"), secret);
    }

    #[test]
    fn a_secret_is_not_replaced_and_one_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let directory = DataDirectory::open(&dir.path().join("d3"), 3).expect("new");
        let first = settle(&directory, &given(&secret())).expect("given");
        let refused = settle(&directory, &given(&secret())).expect_err("refused").to_string();
        assert!(refused.contains("another secret than given.secret"), "{refused}");
        assert_eq!(settle(&directory, &SecretSource::Nowhere).expect("kept"), first);
        let wide = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(directory.secret(), wide).expect("changed");
        let refused = settle(&directory, &SecretSource::Nowhere)
            .expect_err("refused")
            .to_string();
        let remedy = format!("chmod 600 {}", directory.secret().display());
        assert!(refused.contains(&remedy), "{refused}");
    }
}
