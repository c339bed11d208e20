//! The arguments of `verify`.

use std::path::PathBuf;

use bank_ledger::{ChainHead, Position};
use clap::Args;

/// Examples and exit codes, for the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  branchd verify --data d2
  branchd verify --data d2 --head 48210:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

The branch must not run. Nothing is changed, and no file is written but the process id in the lock files and SQLite's own
file ledger.db-shm.

A head stands for all entries up to a position. `branchd status` and `branchd export` show it. Write one down, and
have it proved later, at any branch.

Exit codes: 0 everything is sound, 1 something is damaged or the head did not stand there, 2 wrong flags or no data
directory, 3 it could not be checked, for example because the branch runs.";

/// The arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The data directory. No branch may run on it.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// A head that was written down. The check says whether it stood at that position.
    #[arg(long, value_name = "POSITION:HEX", value_parser = head)]
    pub head: Option<(Position, ChainHead)>,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn head(text: &str) -> Result<(Position, ChainHead), String> {
    let malformed = || format!("{text:?} is no head: give POSITION:HEX, with 64 hexadecimal digits");
    let (position, head) = text.split_once(':').ok_or_else(malformed)?;
    let position = position.parse().map_err(|_| malformed())?;
    Ok((position, head.parse().map_err(|_| malformed())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_checked() {
        let hex = "0f".repeat(32);
        assert_eq!(head(&format!("7:{hex}")), Ok((7, ChainHead([15; 32]))));
        for bad in [
            "",
            "7",
            "7:",
            ":",
            "x:0f",
            &format!("-1:{hex}"),
            &format!("7:{hex}0"),
            &hex,
        ] {
            assert!(head(bad).is_err(), "{bad:?}");
        }
    }
}
