//! Finds the programs that the launcher starts: beside itself. It never links them.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The daemon of a branch.
    pub branchd: PathBuf,
    /// The customer's program.
    pub customer_cli: PathBuf,
}

/// Why the programs cannot be started.
#[derive(Debug, Error)]
pub enum ProgramsError {
    /// One is not where it should be.
    #[error("{program} is not in {}; build it: cargo build --workspace", dir.display())]
    Missing {
        /// `branchd` or `customer-cli`.
        program: &'static str,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// The operating system does not say where this program itself is.
    #[error("cannot find out where this program is: {0}")]
    Self_(#[source] io::Error),
}

impl Programs {
    /// Those beside this program; for a test in `target/…/deps` or an example in `target/…/examples`, those one directory up.
    ///
    /// # Errors
    /// Names what is missing, where, and how to build it.
    pub fn beside_this_one() -> Result<Self, ProgramsError> {
        let this = env::current_exe().map_err(ProgramsError::Self_)?;
        let dir = this.parent().unwrap_or(Path::new("."));
        let dir = if dir.ends_with("deps") || dir.ends_with("examples") {
            dir.parent().unwrap_or(dir)
        } else {
            dir
        };
        Self::in_directory(dir)
    }

    /// Those in this directory.
    ///
    /// # Errors
    /// As [`Programs::beside_this_one`].
    pub fn in_directory(dir: &Path) -> Result<Self, ProgramsError> {
        let find = |program: &'static str| {
            let path = dir.join(program).with_extension(env::consts::EXE_EXTENSION);
            if path.is_file() {
                Ok(path)
            } else {
                Err(ProgramsError::Missing {
                    program,
                    dir: dir.to_owned(),
                })
            }
        };
        Ok(Programs {
            branchd: find("branchd")?,
            customer_cli: find("customer-cli")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = || Programs::in_directory(dir.path()).map_err(|error| error.to_string());
        assert!(missing().is_err_and(|error| error.starts_with("branchd is not in") && error.ends_with("--workspace")));
        std::fs::write(dir.path().join("branchd"), "").expect("written");
        assert!(missing().is_err_and(|error| error.starts_with("customer-cli is not in")));
        std::fs::write(dir.path().join("customer-cli"), "").expect("written");
        assert!(missing().is_ok());
    }
}
