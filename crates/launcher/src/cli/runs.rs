//! `launcher runs`: lists run folders.

use super::failure::Failure;
use crate::exit::Exit;
use crate::run::folder::OUTPUTS;
use crate::runs::{found, table};
use crate::terminal::stdout;
use clap::Args;
use std::path::PathBuf;
use std::time::SystemTime;

pub(super) const EXAMPLES: &str = "\
Examples:
  launcher runs
  launcher runs --json --dir outputs

The verdict of a demonstration is `shown` if its weak setting broke and its
strong one held. A run that was not judged is `running`, `interrupted` or
`not finished`. A `-` stands for the verdict in a folder of an older version,
which does not say it; `launcher check` does.
Exit codes: 0 listed, 1 the directory cannot be read.";

/// The arguments of `launcher runs`.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Directory that has the run folders
    #[arg(long, value_name = "DIR", default_value = OUTPUTS)]
    dir: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Prints the list.
pub(super) fn runs(args: &RunsArgs) -> Result<Exit, Failure> {
    let runs = found::list(&args.dir).map_err(|error| Failure::failed(format!("{}: {error}", args.dir.display())))?;
    stdout::print(&match (args.json, runs.is_empty()) {
        (true, _) => table::json(&runs),
        (false, true) => format!("there is no run folder in {}\n", args.dir.display()),
        (false, false) => table::text(&runs, SystemTime::now()),
    })?;
    Ok(Exit::Done)
}
