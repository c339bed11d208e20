//! Which branch or bank to ask: what the command line names, or else what is found.

use std::path::{Path, PathBuf};

use bank_client::{BankFile, Client, ClientOptions};
use bank_types::Address;

use crate::input::{InputError, shown};

/// Bank file of the live bank that `launcher up` keeps in the current directory.
const LIVE_BANK: &str = "outputs/bank/bank.json";
/// Port of branch 1 unless its operator chose another one.
const DEFAULT_ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 50001);

/// The branch or bank to ask.
#[derive(Debug)]
pub enum Target {
    /// One branch of any bank.
    Address(Address),
    /// The branches of a bank.
    Bank {
        /// The bank file.
        bank: BankFile,
        /// Path of the bank file.
        path: PathBuf,
        /// Branch to ask first. `None` for the first in the bank file.
        branch: Option<u32>,
    },
}

/// A target, and what to do if nothing answers there.
#[derive(Debug)]
pub struct Found {
    /// The target.
    pub target: Target,
    /// Advice for a target that the command line did not name.
    pub advice: Option<&'static str>,
}

impl Target {
    /// A client of the branch or bank.
    pub fn client(&self, options: ClientOptions) -> Client {
        match self {
            Self::Address(address) => Client::at(address.clone(), options),
            Self::Bank { bank, .. } => Client::of_bank(bank, options),
        }
    }

    /// Number of the branch to ask. `None` if there is no bank file, or if the first branch in it is asked.
    pub fn branch(&self) -> Option<u32> {
        match self {
            Self::Address(_) => None,
            Self::Bank { branch, .. } => *branch,
        }
    }
}

/// Finds the target. With `needs_bank` it must have a bank file.
///
/// # Errors
/// A value is wrong, the bank file cannot be used, or there is no bank file where one is needed.
pub fn find(bank: Option<&Path>, branch: Option<&str>, needs_bank: bool) -> Result<Found, InputError> {
    let number = branch.filter(|text| is_number(text));
    let named = |target| Found { target, advice: None };
    if let Some(path) = bank {
        return Ok(named(of_bank(path, branch)?));
    }
    match (branch, number) {
        (Some(_), None) if needs_bank => return Err(needs_bank_file()),
        (Some(address), None) => {
            let address = address.parse().map_err(wrong)?;
            return Ok(named(Target::Address(address)));
        }
        _ => {}
    }
    let live = Path::new(LIVE_BANK);
    if live.exists() {
        return Ok(Found {
            target: of_bank(live, number)?,
            advice: Some("this is the live bank of outputs/bank; launcher status shows it, launcher up starts it"),
        });
    }
    match number {
        Some(number) => Err(wrong(format!(
            "{number} is a number, and there is no bank file in {LIVE_BANK}: give --bank FILE, give HOST:PORT, or start \
             a bank with: launcher up --branches 3"
        ))),
        None if needs_bank => Err(needs_bank_file()),
        None => Ok(Found {
            target: Target::Address(std::net::SocketAddr::from(DEFAULT_ADDRESS).into()),
            advice: Some(
                "no bank was named, and there is none in outputs/bank; start one with: launcher up --branches 3, or name \
                 one with --bank FILE or --branch HOST:PORT",
            ),
        }),
    }
}

/// The bank of a bank file, and the branch of this number in it.
fn of_bank(path: &Path, branch: Option<&str>) -> Result<Target, InputError> {
    let bank = BankFile::load(path).map_err(|error| InputError(error.to_string()))?;
    let branch = branch.map(|text| number_in(&bank, text)).transpose()?;
    Ok(Target::Bank {
        bank,
        path: path.to_owned(),
        branch,
    })
}

fn number_in(bank: &BankFile, text: &str) -> Result<u32, InputError> {
    if !is_number(text) {
        let same = |known: &&bank_client::Branch| known.address.as_str() == text;
        return Err(match bank.branches().iter().find(same) {
            Some(known) => wrong(format!(
                "{text} is branch {0} of the bank file; give its number: {0}",
                known.branch
            )),
            None => wrong(format!(
                "with a bank file, give the number of a branch; the bank file names no branch at {}",
                shown(text)
            )),
        });
    }
    let number = text
        .parse()
        .map_err(|_| wrong(format!("{} is too large", shown(text))))?;
    bank.address(number).map_err(wrong)?;
    Ok(number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn needs_bank_file() -> InputError {
    InputError("replay needs the bank file, which says where each branch is: give --bank FILE".into())
}

fn wrong(what: impl ToString) -> InputError {
    InputError(format!("--branch: {}", what.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_bank_and_a_branch_it_is_the_first_port_of_this_host() {
        // No live bank stands in the directory of the tests.
        let found = find(None, None, false).expect("a target");
        assert!(
            matches!(&found.target, Target::Address(address) if address.as_str() == "127.0.0.1:50001"),
            "{found:?}"
        );
        assert!(
            found
                .advice
                .is_some_and(|advice| advice.contains("launcher up --branches 3"))
        );
        let named = find(None, Some("h:1"), false).expect("a target");
        assert!(matches!(named.target, Target::Address(_)) && named.advice.is_none());
        for (branch, needs_bank, expected) in [
            (Some("3"), false, "launcher up --branches 3"),
            (Some("h:1"), true, "replay needs the bank file"),
            (None, true, "replay needs the bank file"),
        ] {
            let error = find(None, branch, needs_bank).expect_err("no bank").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
