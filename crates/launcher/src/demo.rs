//! `launcher demo`: an anomaly, on purpose. One input is run twice under the same scripted network, first under a setting
//! that breaks, then under one that holds; the two are shown side by side, with the witness and with what the wait cost.
//!
//! In reading order: [`lesson`] (inputs, settings and the expected witnesses), [`play`] (both acts and whether they went as
//! expected), [`act`] (one run of an input), [`dead_branch`], `render` (text and JSON), `page` (HTML), `folder` (what is kept).

pub mod act;
pub mod dead_branch;
mod demonstration;
mod error;
mod folder;
pub mod lesson;
mod page;
pub mod play;
mod render;

use crate::terminal::signals::Interrupts;
use crate::terminal::stdout;
use bank_cluster::Programs;
pub use demonstration::{Demonstration, Kept};
pub use error::DemoError;

use act::ActContext;
use folder::Folder;
use lesson::{Lesson, Name};
use play::Performance;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  launcher demo
  launcher demo read-your-writes
  launcher demo read-your-writes --runs 50
  launcher demo strong --json --dir strong-demo

Exit codes: 0 the weak setting broke as it had to, and the strong one held, every time;
1 not so, or failed; 2 wrong usage, or a folder that cannot be used.";

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Which lesson; none: list them
    lesson: Option<Name>,
    /// Play it so many times, and count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Print what was seen as one line of JSON
    #[arg(long)]
    json: bool,
    /// Keep a report and a run folder for each setting here, new or empty [default: a fresh one in outputs/; with --runs, none]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Does what was asked; the exit code. `flags`: the command line, for what is kept.
///
/// # Errors
/// Nothing was shown. No process is left then.
pub async fn execute(args: DemoArgs, flags: Vec<String>) -> Result<u8, DemoError> {
    let Some(name) = args.lesson else {
        print(&render::list(args.json))?;
        return Ok(0);
    };
    let lesson = name.lesson();
    let mut interrupts = Interrupts::listen().map_err(|source| DemoError::Io {
        what: "signals",
        source,
    })?;
    let programs = Programs::beside_this_one()?;
    let context = ActContext { programs, flags };
    let folder = Folder::prepare(lesson, args.dir.as_deref(), args.runs)?;
    let demonstration = tokio::select! {
        done = demonstrate(lesson, args.runs, &context, &folder) => done?,
        exit_code = interrupts.next() => return Err(DemoError::Interrupted { exit_code }),
    };
    print(&match args.json {
        true => render::json(&demonstration),
        false => render::text(&demonstration),
    })?;
    Ok(u8::from(!demonstration.is_convincing()))
}

async fn demonstrate(
    lesson: &'static Lesson,
    runs: u32,
    context: &ActContext,
    folder: &Folder,
) -> Result<Demonstration, DemoError> {
    let began = Instant::now();
    let (mut broken, mut held) = (0, 0);
    let mut shown: Option<(bool, Performance, Option<Kept>)> = None;
    for run in 1..=runs {
        let place = folder.of_run(run)?;
        let performance = Performance::play(context, lesson, place.path()).await?;
        let kept = folder.keep(lesson, &performance, &place)?;
        let (broke, stood) = (performance.broke(lesson).is_ok(), performance.held(lesson).is_ok());
        broken += u32::from(broke);
        held += u32::from(stood);
        let good_so_far = (broken, held) == (run, run);
        if good_so_far || shown.as_ref().is_none_or(|(good, _, _)| *good) {
            shown = Some((good_so_far, performance, kept));
        }
    }
    let nothing = || DemoError::Io {
        what: "--runs",
        source: io::ErrorKind::InvalidInput.into(),
    };
    let (_, shown, kept) = shown.ok_or_else(nothing)?;
    Ok(Demonstration {
        lesson,
        runs,
        broken,
        held,
        shown,
        kept,
        run_time: began.elapsed() / runs,
    })
}

fn print(text: &str) -> Result<(), DemoError> {
    stdout::print(text).map_err(|source| DemoError::Io { what: "stdout", source })
}
