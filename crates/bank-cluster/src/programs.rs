//! Finds the programs to start. They stand beside this program, and are never linked.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The paths of the programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The daemon of a branch, `branchd`.
    pub branchd: PathBuf,
    /// The customer's program, `customer-cli`.
    pub customer_cli: PathBuf,
}

/// Why the programs were not found.
#[derive(Debug, Error)]
pub enum ProgramsError {
    /// A program is missing.
    #[error("{program} is not in {}; build it: cargo build --workspace", dir.display())]
    Missing {
        /// `branchd` or `customer-cli`.
        program: &'static str,
        /// The directory that was searched.
        dir: PathBuf,
    },
    /// The operating system does not tell the path of this program.
    #[error("cannot find out where this program is: {0}")]
    Self_(#[source] io::Error),
}

impl Programs {
    /// The programs in the directory of this program. For a test in `target/…/deps` and an example in
    /// `target/…/examples`, the programs one directory up.
    ///
    /// # Errors
    /// A program is missing.
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

    /// The programs in a directory.
    ///
    /// # Errors
    /// A program is missing.
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
    fn a_missing_program_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = || Programs::in_directory(dir.path()).map_err(|error| error.to_string());
        assert!(missing().is_err_and(|error| error.starts_with("branchd is not in") && error.ends_with("--workspace")));
        std::fs::write(dir.path().join("branchd"), "").expect("written");
        assert!(missing().is_err_and(|error| error.starts_with("customer-cli is not in")));
        std::fs::write(dir.path().join("customer-cli"), "").expect("written");
        assert!(missing().is_ok());
    }
}
