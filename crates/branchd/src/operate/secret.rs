//! `branchd secret`, and the secret that other verbs read from a file or from stdin.

use std::io::{self, BufRead, Read};
use std::path::Path;

use bank_auth::{Secret, SecretFileError, file};

use super::failure::{FAILED, Failure, USAGE};
use super::output::print;
use crate::args::BankSecretArguments;
use crate::directory::SECRET_FILE;

/// The longest line of stdin that is read as a secret, in bytes.
const LINE_BYTES_MAX: u64 = 512;

/// Prints the secret of a data directory, or makes a new one.
///
/// # Errors
/// Exit code 2 if there is no secret, or the new file exists already; 1 if the file cannot be written.
pub(super) fn secret(arguments: &BankSecretArguments) -> Result<(), Failure> {
    if let Some(path) = &arguments.new {
        file::create_random(path).map_err(|error| failure(&error))?;
        let path = path.display();
        return print(&format!(
            "{path} holds the secret of a new bank: start each of its branches with --secret-file {path}\n"
        ));
    }
    let Some(directory) = &arguments.data else {
        return Err(Failure::new(USAGE, "give --data DIR or --new FILE"));
    };
    let secret = file::read(&directory.join(SECRET_FILE)).map_err(|error| match error {
        SecretFileError::Missing { path } => Failure::new(
            USAGE,
            format!(
                "{} is missing: a branch gets it when it is first started; is this a data directory?",
                path.display()
            ),
        ),
        error => failure(&error),
    })?;
    print(&format!("{}\n", secret.to_text()))
}

/// Reads the secret from a file, or from the first line of stdin if the path is `-`.
///
/// # Errors
/// Exit code 2 if there is no secret.
pub(super) fn given_secret(path: &Path) -> Result<Secret, Failure> {
    if path == Path::new("-") {
        return from_stdin();
    }
    file::read(path).map_err(|error| match error {
        SecretFileError::Missing { .. } => Failure::new(
            USAGE,
            format!(
                "there is no secret file {path}: give the bank's with --secret-file. `branchd secret --data DIR` prints the \
                 secret of a branch, `branchd secret --new {path}` makes one for a new bank",
                path = path.display()
            ),
        ),
        error => failure(&error),
    })
}

fn from_stdin() -> Result<Secret, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line);
    read.map_err(|error| Failure::new(USAGE, format!("cannot read the secret from stdin: {error}")))?;
    line.parse().map_err(|error| {
        Failure::new(
            USAGE,
            format!("stdin: {error}: pipe `branchd secret --data DIR` into it"),
        )
    })
}

fn failure(error: &SecretFileError) -> Failure {
    let code = match error {
        SecretFileError::Io { .. } | SecretFileError::Randomness(_) => FAILED,
        _ => USAGE,
    };
    Failure::new(code, error)
}
