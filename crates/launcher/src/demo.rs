//! `launcher demo`: an anomaly, on purpose. One input is run twice under the same scripted network, first under a setting
//! that breaks, then under one that holds; the two are shown side by side, with the witness and with what the wait cost.
//!
//! In reading order: [`lesson`] (who asks what, and what has to be seen), [`play`] (how it is played), [`dead_branch`],
//! `stage` (the bank, its network and its customers), `telling` (how it is said), `page` (how it is shown), `folder` (what
//! is left of it).

pub mod dead_branch;
mod folder;
pub mod lesson;
mod page;
pub mod play;
mod stage;
mod telling;

use crate::run::folder::RunFolderError;
use crate::terminal::signals::Interrupts;
use crate::terminal::stdout;
use bank_cluster::{ClusterError, Programs, ProgramsError};
use folder::Folder;
use lesson::{Lesson, Name};
use play::{Performance, play};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use thiserror::Error;

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

/// Why nothing was shown.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A program is missing.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The branches do not do what they have to.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// What is recorded cannot be kept.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// Nothing can be printed, say.
    #[error("{what}: {source}")]
    Io {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A signal came; everything was stopped.
    #[error("stopped by a signal; no process is left")]
    Interrupted {
        /// 128 and the signal's number.
        exit_code: u8,
    },
}

impl DemoError {
    /// 2 where other arguments would help, 1 otherwise; 130 and the like after a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            DemoError::Interrupted { exit_code } => *exit_code,
            DemoError::Folder(_) => 2,
            DemoError::Programs(_) | DemoError::Cluster(_) | DemoError::Io { .. } => 1,
        }
    }
}

/// A lesson, played as often as was asked.
#[derive(Debug)]
pub struct Demonstration {
    /// Which.
    pub lesson: &'static Lesson,
    /// How often it was played.
    pub runs: u32,
    /// How often the weak setting broke, with the right witness.
    pub broken: u32,
    /// How often the strong one held.
    pub held: u32,
    /// The last run, or the first that did not go as it had to.
    pub shown: Performance,
    /// What is left of it, if anything is.
    pub kept: Option<Kept>,
    /// How long each run took, on average.
    pub run_time: Duration,
}

/// Where to look at a run, and judge it again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Kept {
    /// Holds a run folder for each act.
    pub dir: PathBuf,
    /// Both acts on one page.
    pub report: PathBuf,
}

impl Demonstration {
    /// Every run went as it had to.
    pub fn is_convincing(&self) -> bool {
        self.broken == self.runs && self.held == self.runs
    }
}

/// Does what was asked; the exit code. `flags`: the command line, for what is kept.
///
/// # Errors
/// Nothing was shown. No process is left then.
pub async fn execute(args: DemoArgs, flags: Vec<String>) -> Result<u8, DemoError> {
    let Some(name) = args.lesson else {
        print(&telling::list(args.json))?;
        return Ok(0);
    };
    let lesson = name.lesson();
    let mut interrupts = Interrupts::listen().map_err(|source| DemoError::Io {
        what: "signals",
        source,
    })?;
    let programs = Programs::beside_this_one()?;
    let folder = Folder::prepare(lesson, args.dir.as_deref(), args.runs, flags)?;
    let demonstration = tokio::select! {
        done = demonstrate(lesson, args.runs, &programs, &folder) => done?,
        exit_code = interrupts.next() => return Err(DemoError::Interrupted { exit_code }),
    };
    print(&match args.json {
        true => telling::json(&demonstration),
        false => telling::text(&demonstration),
    })?;
    Ok(u8::from(!demonstration.is_convincing()))
}

async fn demonstrate(
    lesson: &'static Lesson,
    runs: u32,
    programs: &Programs,
    folder: &Folder,
) -> Result<Demonstration, DemoError> {
    let began = Instant::now();
    let (mut broken, mut held) = (0, 0);
    let mut shown: Option<(bool, Performance, Option<Kept>)> = None;
    for run in 1..=runs {
        let place = folder.of_run(run)?;
        let performance = play(lesson, programs, place.path()).await?;
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
