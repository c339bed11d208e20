//! Which secret a branch has: `secret` in its data directory, which it is given once.

use std::path::{Path, PathBuf};

use bank_auth::{Secret, SecretFileError, file};

use crate::directory::DataDirectory;

/// Where the secret of a new bank is, beside the data directories of its branches.
pub const BANK_SECRET_FILE: &str = "bank.secret";

/// Where a branch that has no secret yet gets one.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// The operator gave it.
    Given {
        /// The bank's.
        secret: Secret,
        /// The file it was read from, for messages.
        from: String,
    },
    /// From [`BANK_SECRET_FILE`] beside the data directory, which is made where it is missing: the branches of a bank on one
    /// host find each other without a word about secrets.
    Beside,
    /// From nowhere: it has one, or it is refused.
    Nowhere,
}

/// Why a branch has no secret to go on with.
#[derive(Debug, thiserror::Error)]
pub enum BranchSecretError {
    /// A secret file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The branch has another secret than it is given.
    #[error(
        "{path} holds another secret than {given}: start the branch without --secret-file, or remove {path} first if the bank's secret was changed at every branch",
        path = path.display()
    )]
    Differs {
        /// The branch's own.
        path: PathBuf,
        /// What was given.
        given: String,
    },
    /// The branch is to listen beyond its host, and has none.
    #[error(
        "branch {branch} has no secret, and listens beyond this host: run `branchd token --new {BANK_SECRET_FILE}` once for the bank, copy the file to every host, and start each branch with --secret-file {BANK_SECRET_FILE}"
    )]
    NoneGiven {
        /// The branch.
        branch: u32,
    },
    /// Its bank is from before secrets, or its secret was removed.
    #[error(
        "{path} is missing, and branch {branch} has a bank, so that no other branch would know it: if the bank is from before secrets, run `branchd token --new {BANK_SECRET_FILE}` once, then start every branch once with --secret-file {BANK_SECRET_FILE}; otherwise start it once with --secret-file and the bank's own",
        path = path.display()
    )]
    OldBank {
        /// What is missing.
        path: PathBuf,
        /// The branch.
        branch: u32,
    },
}

/// The secret of the branch that has this directory. A new one is kept there, durable when this returns.
///
/// # Errors
/// See [`BranchSecretError`].
pub(crate) fn settle(directory: &DataDirectory, source: &SecretSource) -> Result<Secret, BranchSecretError> {
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
            _ => Ok(kept),
        };
    }
    let branch = directory.branch();
    let secret = match source {
        SecretSource::Given { secret, .. } => secret.clone(),
        _ if directory.bank_id().is_some() => return Err(BranchSecretError::OldBank { path, branch }),
        SecretSource::Beside => file::read_or_create(&beside(directory.path()))?,
        SecretSource::Nowhere => return Err(BranchSecretError::NoneGiven { branch }),
    };
    file::create(&path, &secret)?;
    Ok(secret)
}

/// The bank's secret file beside a data directory.
fn beside(data: &Path) -> PathBuf {
    // Of `.` and of a link, the path itself does not say what the directory is in.
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
        // From then on it needs no other file.
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
        assert!(refused.contains("branchd token --new bank.secret"), "{refused}");
        // Its bank is from before secrets.
        directory.join(Uuid::new_v4()).expect("a bank");
        for source in [SecretSource::Nowhere, SecretSource::Beside] {
            let refused = settle(&directory, &source).expect_err("refused").to_string();
            assert!(
                refused.contains("branchd token --new bank.secret")
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
