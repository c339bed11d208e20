//! `launcher check`: judges a run folder or an output file.

use super::args::mode;
use super::failure::Failure;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::output;
use crate::run::folder::PAGE_FILE;
use crate::run::recorded::{Recorded, RecordedError};
use crate::terminal::format::shell_word;
use crate::terminal::stdout;
use crate::verdict::run_verdict::{Conclusion, RunVerdict};
use crate::verdict::{json, text};
use clap::Args;
use std::path::{Path, PathBuf};

/// The arguments of `launcher check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A run folder, or an output file in any of the three forms. -: an output on stdin
    #[arg(value_name = "RUN|OUTPUT")]
    path: PathBuf,
    /// The input of the output file. -: stdin
    #[arg(long)]
    input: Option<PathBuf>,
    /// The customers ran at once. A run folder has this information itself
    #[arg(long, requires = "input")]
    concurrent: bool,
    /// Print the whole table of checks, and each pair of adjacent queries, as the assignment's checker does
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
    /// Print the verdict as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Judges the run folder or the output.
pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    match &args.input {
        Some(input) => check_output(args, input),
        None if args.path.is_dir() => check_folder(args),
        None => Err(Failure::usage(output::without_input(&args.path))),
    }
}

fn check_folder(args: &CheckArgs) -> Result<Exit, Failure> {
    let recorded = Recorded::load(&args.path).map_err(|error| match error {
        RecordedError::NotJudged { .. } => Failure::not_finished(error),
        error => Failure::usage(error),
    })?;
    let output = recorded.answered.as_ref().map(|(_, path)| output::load(path));
    let output = output.transpose().map_err(Failure::usage)?;
    let mut verdict = RunVerdict::on_recorded(&recorded, output.as_ref().map(|loaded| &loaded.output));
    verdict.notes.extend(output.into_iter().flat_map(|loaded| loaded.notes));
    stdout::print(&if args.json {
        json::verdict_json(&verdict)
    } else {
        let page = Some(args.path.join(PAGE_FILE)).filter(|page| page.exists());
        let again = format!("launcher check {}", shell_word(&args.path));
        text::folder_text(&verdict, &recorded.history, page, &again, args.verbose)
    })?;
    Ok(verdict.exit())
}

fn check_output(args: &CheckArgs, input_path: &Path) -> Result<Exit, Failure> {
    if input::is_stdin(input_path) && input::is_stdin(&args.path) {
        return Err(Failure::usage(
            "the output and the input cannot both be read from stdin; name a file for one of them",
        ));
    }
    let input = Input::load(input_path).map_err(Failure::usage)?;
    let output::Loaded { output, notes } = output::load_for(&input, &args.path).map_err(Failure::usage)?;
    let mut verdict = RunVerdict::on_output(&input, &output, mode(args.concurrent));
    verdict.notes.extend(notes);
    let mut text = if args.json {
        json::verdict_json(&verdict)
    } else {
        let concurrent = if args.concurrent { " --concurrent" } else { "" };
        let (of, by) = (shell_word(&args.path), shell_word(input_path));
        let again = format!("launcher check {of} --input {by}{concurrent}");
        text::output_text(&verdict, &input, &again, args.verbose)
    };
    let other = || RunVerdict::on_output(&input, &output, mode(!args.concurrent)).conclusion();
    let wrong = verdict.conclusion() == Conclusion::Inconsistent;
    if wrong && !args.json && !args.concurrent && other() == Conclusion::Consistent {
        text += "(as a run of all customers at once it would be consistent; if it was one, say --concurrent)\n";
    }
    stdout::print(&text)?;
    Ok(verdict.exit())
}
