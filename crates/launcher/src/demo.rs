//! `launcher demo`: an anomaly, on purpose. One input is run twice under the same scripted network, first under a setting
//! that breaks, then under one that holds; the two are shown side by side, with the witness and with what the wait cost.
//!
//! In reading order: [`lesson`] (who asks what, and what has to be seen), [`play`] (how it is played), [`dead_branch`],
//! `stage` (the bank, its network and its customers), `telling` (how it is said).

pub mod dead_branch;
pub mod lesson;
pub mod play;
mod stage;
mod telling;

use crate::cluster::ClusterError;
use crate::interrupts::Interrupts;
use crate::programs::{Programs, ProgramsError};
use crate::report;
use lesson::{Lesson, Name};
use play::{Performance, play};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

const EXAMPLES: &str = "\
Examples:
  launcher demo
  launcher demo read-your-writes
  launcher demo read-your-writes --runs 50
  launcher demo strong --json --dir strong-demo

Exit codes: 0 the weak setting broke as it had to, and the strong one held, every time; 1 not so, or failed.";

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
    /// Keep what was recorded here, for each run and setting a folder [default: nothing is kept]
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
    /// What was recorded cannot be kept, or nothing can be printed.
    #[error("{what}: {source}")]
    Io {
        /// Which file or directory.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds something already.
    #[error("{} is not empty; name a new directory", .0.display())]
    NotEmpty(PathBuf),
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
            DemoError::NotEmpty(_) => 2,
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
    /// How long each run took, on average.
    pub run_time: Duration,
}

impl Demonstration {
    /// Every run went as it had to.
    pub fn is_convincing(&self) -> bool {
        self.broken == self.runs && self.held == self.runs
    }
}

/// Does what was asked; the exit code.
///
/// # Errors
/// Nothing was shown. No process is left then.
pub async fn execute(args: DemoArgs) -> Result<u8, DemoError> {
    let Some(name) = args.lesson else {
        print(&telling::list(args.json))?;
        return Ok(0);
    };
    let mut interrupts = Interrupts::listen().map_err(|source| failed("signals", source))?;
    let programs = Programs::beside_this_one()?;
    let folder = Folder::make(args.dir.as_deref())?;
    let demonstration = tokio::select! {
        done = demonstrate(name.lesson(), args.runs, &programs, &folder) => done?,
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
    let (mut broken, mut held, mut shown) = (0, 0, None);
    for run in 1..=runs {
        let dir = folder.of_run(run, runs);
        let performance = play(lesson, programs, &dir).await?;
        folder.keep(&performance, &dir)?;
        let (broke, stood) = (performance.broke(lesson).is_ok(), performance.held(lesson).is_ok());
        broken += u32::from(broke);
        held += u32::from(stood);
        let good_so_far = (broken, held) == (run, run);
        if good_so_far || shown.as_ref().is_none_or(|(good, _)| *good) {
            shown = Some((good_so_far, performance));
        }
    }
    let nothing = || failed("runs", io::ErrorKind::InvalidInput.into());
    let (_, shown) = shown.ok_or_else(nothing)?;
    Ok(Demonstration {
        lesson,
        runs,
        broken,
        held,
        shown,
        run_time: began.elapsed() / runs,
    })
}

/// Where runs keep their banks and their records.
#[derive(Debug)]
enum Folder {
    /// Gone with the program.
    Passing(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn make(dir: Option<&Path>) -> Result<Self, DemoError> {
        let Some(dir) = dir else {
            let passing = tempfile::tempdir().map_err(|source| failed("a temporary directory", source))?;
            return Ok(Folder::Passing(passing));
        };
        let failed = |source| failed(&dir.display().to_string(), source);
        std::fs::create_dir_all(dir).map_err(failed)?;
        match std::fs::read_dir(dir).map_err(failed)?.next() {
            None => Ok(Folder::Kept(dir.to_owned())),
            Some(_) => Err(DemoError::NotEmpty(dir.to_owned())),
        }
    }

    fn of_run(&self, run: u32, runs: u32) -> PathBuf {
        let dir = match self {
            Folder::Passing(dir) => dir.path(),
            Folder::Kept(dir) => dir,
        };
        if runs == 1 {
            dir.to_owned()
        } else {
            dir.join(format!("run-{run}"))
        }
    }

    /// Writes what was recorded; a passing folder's run is gone at once, so that a thousand need no more room than one.
    fn keep(&self, performance: &Performance, dir: &Path) -> Result<(), DemoError> {
        if let Folder::Passing(_) = self {
            let _ = std::fs::remove_dir_all(dir);
            return Ok(());
        }
        for (act, name) in [(&performance.weak, "weak"), (&performance.strong, "strong")] {
            let path = dir.join(name).join("history.jsonl");
            let written = std::fs::write(&path, act.history.lines());
            written.map_err(|source| failed(&path.display().to_string(), source))?;
        }
        Ok(())
    }
}

fn failed(what: &str, source: io::Error) -> DemoError {
    DemoError::Io {
        what: what.to_owned(),
        source,
    }
}

fn print(text: &str) -> Result<(), DemoError> {
    report::print(text).map_err(|source| failed("stdout", source))
}
