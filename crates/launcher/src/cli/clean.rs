//! `launcher clean`: removes old run folders.

use super::failure::Failure;
use crate::exit::Exit;
use crate::run::folder::OUTPUTS;
use crate::runs::clean::{self, Plan};
use crate::runs::{found, table};
use crate::terminal::format::count;
use crate::terminal::{question, stderr, stdout};
use clap::Args;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

pub(super) const EXAMPLES: &str = "\
Examples:
  launcher clean
  launcher clean --keep 3 --dry-run
  launcher clean --keep 0 --yes               # in a script

Removes folders that `launcher runs` lists. These stay: a folder that a run or
a bank uses, a folder with a file that no run writes, and everything else in
the directory, such as the live bank in outputs/bank.
Exit codes: 0 done or nothing to do, 1 a folder cannot be removed or you said
no, 2 wrong usage, or neither a terminal nor --yes.";

/// The arguments of `launcher clean`.
#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// Number of run folders that stay: the newest ones
    #[arg(long, value_name = "N", default_value_t = 10)]
    keep: usize,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Only list what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Directory that has the run folders
    #[arg(long, value_name = "DIR", default_value = OUTPUTS)]
    dir: PathBuf,
}

/// Removes old run folders, after a question.
pub(super) fn clean(args: &CleanArgs) -> Result<Exit, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("{}: {error}", args.dir.display()));
    let runs = found::list(&args.dir).map_err(failed)?;
    let there = runs.len();
    let plan = clean::plan(runs, args.keep).map_err(failed)?;
    for (path, reason) in &plan.spared {
        stdout::print(&format!("{} stays: {reason}\n", path.display()))?;
    }
    if plan.remove.is_empty() {
        stdout::print(&format!(
            "nothing to remove: {} has {} (--keep {})\n",
            args.dir.display(),
            folders(there),
            args.keep
        ))?;
        return Ok(Exit::Done);
    }
    let what = format!("{}, {}", folders(plan.remove.len()), table::size(plan.bytes()));
    if args.dry_run || !args.yes {
        stdout::print(&table::text(&plan.remove, SystemTime::now()))?;
    }
    if args.dry_run {
        stdout::print(&format!("would be removed: {what}\n"))?;
        return Ok(Exit::Done);
    }
    if !args.yes && !is_confirmed(&what)? {
        stdout::print("nothing was removed\n")?;
        return Ok(Exit::Failed);
    }
    remove(&plan)
}

/// Asks on the terminal.
fn is_confirmed(what: &str) -> Result<bool, Failure> {
    if !question::can_ask() {
        return Err(Failure::usage(
            "stdin is not a terminal, so that you cannot be asked; add --yes to remove these folders, or --dry-run",
        ));
    }
    Ok(question::agrees(&format!("remove {what}?"))?)
}

fn remove(plan: &Plan) -> Result<Exit, Failure> {
    let (mut removed, mut bytes, mut exit) = (0, 0, Exit::Done);
    for run in &plan.remove {
        let path = run.path.display();
        match clean::remove(run) {
            Ok(None) => {
                removed += 1;
                bytes += run.bytes;
            }
            Ok(Some(reason)) => stdout::print(&format!("{path} stays: {reason}\n"))?,
            Err(error) => {
                exit = Exit::Failed;
                stderr::print(&format!("launcher: {path} cannot be removed: {error}\n"))?;
            }
        }
    }
    stdout::print(&format!("removed {}, freed {}\n", folders(removed), table::size(bytes)))?;
    Ok(exit)
}

fn folders(number: usize) -> String {
    count(number, "run folder", "run folders")
}
