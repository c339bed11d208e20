//! `launcher demo`: shows an anomaly on purpose. It runs one input twice, with the same fault: under a weak setting,
//! which breaks a guarantee, and under a strong one, which keeps it. It prints both runs side by side, with the witness
//! of the anomaly and the cost of the wait. In reading order:
//!
//! - [`lesson`]: the inputs, the settings, and the expected witnesses.
//! - [`act`]: one run of an input.
//! - [`dead_branch`]: the acts with a dead branch.
//! - [`play`]: all acts of a lesson, and whether they went as expected.
//! - `demonstration`: the result, over several performances.
//! - `render`, `page`: the result as text, as JSON and as a page.
//! - `folder`: the files that are kept.

pub mod act;
pub mod dead_branch;
mod demonstration;
mod error;
mod folder;
pub mod lesson;
mod page;
pub mod play;
mod render;

use crate::exit::Exit;
use crate::run::execution::micros;
use crate::terminal::signals::Interrupts;
use crate::terminal::stdout;
use bank_cluster::Programs;
pub use demonstration::{Demonstration, Kept};
pub use error::DemoError;

use act::ActContext;
use folder::Folder;
use lesson::{Lesson, Name};
use play::Performance;
use std::path::PathBuf;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  launcher demo
  launcher demo read-your-writes
  launcher demo read-your-writes --runs 50
  launcher demo strong --json --dir strong-demo

Exit codes:
  0  the weak setting broke and the strong one held, every time
  1  otherwise
  2  wrong usage, or a folder that cannot be used; nothing was started
  3  not finished: a run could not be finished
  128 plus the number of the signal, after a signal; 130 after Ctrl-C";

/// The arguments of `launcher demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// The lesson to play; without it, the lessons are listed
    lesson: Option<Name>,
    /// Play the lesson N times, and count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    /// Keep a report and a run folder for each setting here, new or empty [default: a fresh one in outputs/; with
    /// --runs, none]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Lists the lessons or plays one, and returns how the command ended. `flags` is the command line, for the run folders.
///
/// # Errors
/// The lesson was not played to its end. No process runs then.
pub async fn execute(args: DemoArgs, flags: Vec<String>) -> Result<Exit, DemoError> {
    let Some(name) = args.lesson else {
        print(&render::list(args.json))?;
        return Ok(Exit::Done);
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
    Ok(match demonstration.is_convincing() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// Plays a lesson `runs` times, at least once.
async fn demonstrate(
    lesson: &'static Lesson,
    runs: u32,
    context: &ActContext,
    folder: &Folder,
) -> Result<Demonstration, DemoError> {
    let began = Instant::now();
    let mut shown = perform(lesson, 1, context, folder).await?;
    let (mut broken, mut held) = (u32::from(shown.broke), u32::from(shown.held));
    for run in 2..=runs {
        let next = perform(lesson, run, context, folder).await?;
        broken += u32::from(next.broke);
        held += u32::from(next.held);
        if shown.broke && shown.held {
            shown = next;
        }
    }
    Ok(Demonstration {
        lesson,
        runs,
        broken,
        held,
        shown: shown.performance,
        kept: shown.kept,
        run_time_us: micros(began) / u64::from(runs),
    })
}

/// A performance with its files.
struct Performed {
    performance: Performance,
    kept: Option<Kept>,
    broke: bool,
    held: bool,
}

async fn perform(lesson: &Lesson, run: u32, context: &ActContext, folder: &Folder) -> Result<Performed, DemoError> {
    let place = folder.of_run(run)?;
    let under_way = folder.begin(lesson, &place)?;
    let performance = match Performance::play(context, lesson, place.path()).await {
        Ok(performance) => performance,
        Err(error) => {
            if let Some(under_way) = under_way {
                under_way.stopped(error.state(), error.to_string());
            }
            return Err(error);
        }
    };
    let performed = Performed {
        kept: folder.keep(lesson, &performance, &place)?,
        broke: performance.broke(lesson).is_ok(),
        held: performance.held(lesson).is_ok(),
        performance,
    };
    if let Some(under_way) = under_way {
        under_way.judged(Some(match performed.broke && performed.held {
            true => "shown",
            false => "not shown",
        }))?;
    }
    Ok(performed)
}

fn print(text: &str) -> Result<(), DemoError> {
    stdout::print(text).map_err(|source| DemoError::Io { what: "stdout", source })
}
