//! The file of a secret. It holds the text form and a newline, and its owner alone can read it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use durable_file::Durability;

use crate::secret::{Secret, SecretTextError};

/// Largest number of bytes that are read, several times the length of a secret or of a token.
const FILE_BYTES_MAX: u64 = 512;

/// Error of a secret file.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file does not exist.
    #[error("{path} is missing", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// An error of the file system.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// Operation that failed: `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Error of the file system.
        source: io::Error,
    },
    /// Other users than the owner may read or change the file.
    #[error("{path} can be read or changed by others (mode {mode:04o}): run `chmod 600 {path}`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
    /// The content is not a secret.
    #[error("{path}: {source}", path = path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with the content.
        source: SecretTextError,
    },
    /// The file for a new secret exists already.
    #[error("{path} exists already, and a secret file is never overwritten: name another file", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gives no randomness for a new secret.
    #[error("the operating system gives no randomness for a secret: {0}")]
    Randomness(#[source] io::Error),
}

/// Reads the secret in a file.
///
/// # Errors
/// See [`SecretFileError`]. A file that others may read or change is refused.
pub fn read(path: &Path) -> Result<Secret, SecretFileError> {
    read_text(path)?.parse().map_err(|source| SecretFileError::Text {
        path: path.to_owned(),
        source,
    })
}

/// Reads a short text that only the owner of the file may know. Of a long file, the beginning.
///
/// # Errors
/// See [`SecretFileError`]. A file that others may read or change is refused.
pub fn read_text(path: &Path) -> Result<String, SecretFileError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SecretFileError::Missing { path: path.to_owned() },
        _ => failed("read", path)(error),
    })?;
    // The permissions are those of the open file, so that the checked file is the file that is read.
    let found = file.metadata().map_err(failed("read", path))?;
    if let Some(mode) = durable_file::open_to_others(&found) {
        let path = path.to_owned();
        return Err(SecretFileError::Open { path, mode });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed("read", path))?;
    Ok(text)
}

/// Writes a secret to a new file. The file appears complete, with mode 0600, and is durable when this function returns.
///
/// # Errors
/// [`SecretFileError::Exists`] if the path exists already, which is unchanged then. Otherwise the file cannot be
/// written.
pub fn create(path: &Path, secret: &Secret) -> Result<(), SecretFileError> {
    let content = format!("{}\n", secret.to_text());
    durable_file::create_private(path, content.as_bytes(), Durability::Host).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => SecretFileError::Exists { path: path.to_owned() },
        _ => failed("write", path)(error),
    })
}

/// Makes a new secret in a new file.
///
/// # Errors
/// As for [`create`], or there is no randomness.
pub fn create_random(path: &Path) -> Result<Secret, SecretFileError> {
    let secret = Secret::random().map_err(|error| SecretFileError::Randomness(error.into()))?;
    create(path, &secret)?;
    Ok(secret)
}

/// Reads the secret in a file, and makes a new file if there is none. Processes that do this at the same time get the
/// same secret.
///
/// # Errors
/// As for [`read`] and [`create_random`].
pub fn read_or_create(path: &Path) -> Result<Secret, SecretFileError> {
    match read(path) {
        Err(SecretFileError::Missing { .. }) => match create_random(path) {
            Err(SecretFileError::Exists { .. }) => read(path),
            made => made,
        },
        found => found,
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretFileError {
    let path = path.to_owned();
    move |source| SecretFileError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_secret_comes_back_from_its_file_which_is_never_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bank.secret");
        assert!(matches!(read(&path), Err(SecretFileError::Missing { .. })));
        let secret = read_or_create(&path).expect("made");
        assert_eq!(read(&path).expect("read"), secret);
        assert_eq!(read_or_create(&path).expect("read"), secret);
        assert!(matches!(create_random(&path), Err(SecretFileError::Exists { .. })));
        assert_eq!(read(&path).expect("read"), secret);
        #[cfg(unix)]
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
    }

    #[test]
    fn those_who_start_at_once_get_one_secret() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bank.secret");
        let all: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || read_or_create(&path).expect("one"))
            })
            .map(|thread| thread.join().expect("ended"))
            .collect();
        assert!(all.iter().all(|secret| *secret == all[0]));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_or_change_is_refused_with_what_to_type() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bank.secret");
        create_random(&path).expect("made");
        for (mode, fine) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o620, false),
            (0o644, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            let found = read(&path);
            assert_eq!(found.is_ok(), fine, "{mode:o}");
            if let Err(error) = found {
                let remedy = format!("chmod 600 {}", path.display());
                assert!(error.to_string().contains(&remedy), "{error}");
            }
        }
    }

    #[test]
    fn what_holds_no_secret_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bank.secret");
        create_random(&path).expect("made");
        for content in [&b""[..], b"hello\n", b"\xff\xfe", &[b'x'; 10_000]] {
            fs::write(&path, content).expect("written");
            assert!(read(&path).is_err());
        }
    }
}
