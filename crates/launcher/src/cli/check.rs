//! `launcher check`: judges a run folder or an output file.

use super::args::mode;
use super::failure::Failure;
use crate::input::Input;
use crate::output;
use crate::run::recorded::Recorded;
use crate::terminal::stdout;
use crate::verdict::run_verdict::{Conclusion, RunVerdict};
use crate::verdict::{json, text};
use clap::Args;
use std::path::{Path, PathBuf};

/// The arguments of `launcher check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A run folder, or an output file in any of the three forms
    #[arg(value_name = "RUN|OUTPUT")]
    path: PathBuf,
    /// The input of the output file
    #[arg(long)]
    input: Option<PathBuf>,
    /// The customers ran at once. A run folder has this information itself
    #[arg(long, requires = "input")]
    concurrent: bool,
    /// Also print each pair of adjacent queries, as the assignment's checker does
    #[arg(long, short)]
    verbose: bool,
    /// Print the verdict as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Judges the run folder or the output; returns the exit code.
pub(super) fn check(args: &CheckArgs) -> Result<u8, Failure> {
    match &args.input {
        Some(input) => check_output(args, input),
        None if args.path.is_dir() => check_folder(args),
        None => Err(Failure::usage(format!(
            "{}: not a run folder; an output file is judged by its input: add --input INPUT",
            args.path.display()
        ))),
    }
}

fn check_folder(args: &CheckArgs) -> Result<u8, Failure> {
    let recorded = Recorded::load(&args.path).map_err(Failure::usage)?;
    let output = recorded.answered.as_ref().map(|(_, path)| output::load(path));
    let output = output.transpose().map_err(Failure::usage)?;
    let verdict = RunVerdict::on_recorded(&recorded, output.as_ref());
    stdout::print(&if args.json {
        json::verdict_json(&verdict)
    } else {
        text::verdict_text(&verdict, args.verbose)
    })?;
    Ok(match verdict.conclusion() {
        Conclusion::Consistent => 0,
        Conclusion::Inconsistent => 1,
        Conclusion::Unknown => 2,
    })
}

fn check_output(args: &CheckArgs, input: &Path) -> Result<u8, Failure> {
    let input = Input::load(input).map_err(Failure::usage)?;
    let output = output::load(&args.path).map_err(Failure::usage)?;
    let verdict = RunVerdict::on_output(&input, &output, mode(args.concurrent));
    let mut text = if args.json {
        json::verdict_json(&verdict)
    } else {
        text::verdict_text(&verdict, args.verbose)
    };
    let other = || RunVerdict::on_output(&input, &output, mode(!args.concurrent)).conclusion();
    let wrong = verdict.conclusion() == Conclusion::Inconsistent;
    if wrong && !args.json && !args.concurrent && other() == Conclusion::Consistent {
        text += "(as a run of all customers at once it would be consistent; if it was one, say --concurrent)\n";
    }
    stdout::print(&text)?;
    Ok(verdict.exit_code())
}
