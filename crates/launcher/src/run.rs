//! One run from start to end: folder, branches, bank, customers, output, stop. However it ends, its processes end
//! with it, except branches that it was asked to keep.

use crate::cluster::{Cluster, ClusterConfig, ClusterError, FOUND_TIMEOUT, Lifetime, Ports, election_timeout};
use crate::customers::{self, CustomerConfig, Visited};
use crate::input::Input;
use crate::interrupts::Interrupts;
use crate::output::{Format, OutputFile, OutputFileError, render};
use crate::programs::Programs;
use crate::progress::Progress;
use crate::run_folder::{RunFolder, RunFolderError};
use crate::verdict::Findings;
use bank_check::output::Mode;
use bank_client::{Level, Propagation};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use thiserror::Error;

/// Where fresh run folders and the default output go, in the current directory.
pub const OUTPUTS: &str = "outputs";

/// Everything that a run is asked to be.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The checked input.
    pub input: Input,
    /// Its text, for the run folder.
    pub input_text: String,
    /// Where the output goes.
    pub output: PathBuf,
    /// The output's form.
    pub format: Format,
    /// Where branches listen.
    pub ports: Ports,
    /// All customers at once, or one after the other.
    pub mode: Mode,
    /// What reads promise.
    pub level: Level,
    /// What writes wait for.
    pub propagation: Propagation,
    /// How many branches vote; 0: as many as the bank thinks right.
    pub voters: u32,
    /// Leave the branches running.
    pub keep: bool,
    /// The run folder; none: a fresh one.
    pub dir: Option<PathBuf>,
    /// The deadline of each event.
    pub timeout: Duration,
    /// What to start.
    pub programs: Programs,
}

/// What a run came to.
#[derive(Debug)]
pub struct RunReport {
    /// The verdict.
    pub findings: Findings,
    /// Where the time went.
    pub timings: Timings,
    /// The run folder.
    pub dir: PathBuf,
    /// The bank file.
    pub bank: PathBuf,
    /// The processes of the branches that were left running.
    pub kept: Vec<u32>,
}

/// Where the time went, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Timings {
    /// Until every branch listens.
    pub start_us: u64,
    /// Until the bank is founded, has a leader, and every branch is ready.
    pub founding_us: u64,
    /// The customers' events.
    pub events_us: u64,
    /// Until every branch has ended.
    pub stop_us: u64,
    /// All of it.
    pub total_us: u64,
}

/// Why a run has no verdict.
#[derive(Debug, Error)]
pub enum RunError {
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] OutputFileError),
    /// The run folder cannot be made.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The branches do not do what they have to.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A signal came; everything was stopped.
    #[error(
        "stopped by a signal before the end: no output was written, and no process is left; the run's logs and books \
         are in {}",
        dir.display()
    )]
    Interrupted {
        /// The run folder.
        dir: PathBuf,
        /// 128 and the signal's number.
        exit_code: u8,
    },
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] std::io::Error),
}

impl RunError {
    /// 2 where other arguments would help, 1 otherwise; 130 and the like after a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Interrupted { exit_code, .. } => *exit_code,
            RunError::Cluster(error) if error.is_usage() => 2,
            RunError::Output(_) | RunError::Folder(_) => 2,
            RunError::Cluster(_) | RunError::Signals(_) => 1,
        }
    }
}

/// Runs an input.
///
/// # Errors
/// No verdict could be reached. No process is left then.
pub async fn run(plan: &RunPlan, progress: &Progress) -> Result<RunReport, RunError> {
    let began = Instant::now();
    let mut interrupts = Interrupts::listen().map_err(RunError::Signals)?;
    plan.ports.check(&plan.input.branches)?;
    let output = OutputFile::prepare(&plan.output)?;
    let folder = match &plan.dir {
        Some(dir) => RunFolder::named(dir)?,
        None => RunFolder::fresh(OUTPUTS.as_ref(), SystemTime::now())?,
    };
    folder.write("input.json", &plan.input_text)?;
    let mut cluster = Cluster::new(ClusterConfig {
        programs: plan.programs.clone(),
        dir: folder.path().to_owned(),
        branches: plan.input.branches.clone(),
        ports: plan.ports,
        lifetime: if plan.keep {
            Lifetime::Kept
        } else {
            Lifetime::WithLauncher
        },
        election_timeout: election_timeout(plan.input.branches.len()),
        branch_args: Vec::new(),
    });
    let mut timings = Timings::default();
    let ran = tokio::select! {
        ran = drive(plan, &folder, &mut cluster, progress, &mut timings) => ran.map_err(RunError::from),
        exit_code = interrupts.next() => Err(RunError::Interrupted {
            dir: folder.path().to_owned(),
            exit_code,
        }),
    };
    progress.end();
    let stopping = Instant::now();
    let mut stop_fault = None;
    let mut kept = Vec::new();
    let bank = cluster.bank_path();
    if plan.keep && ran.is_ok() {
        kept = cluster.leave();
    } else {
        let stopped = tokio::select! {
            stopped = cluster.stop() => Some(stopped),
            _ = interrupts.next() => None,
        };
        match stopped {
            None => cluster.kill_all(),
            Some(stopped) => stop_fault = stopped.err(),
        }
    }
    let visited = ran?;
    timings.stop_us = micros(stopping);
    let text = render(plan.format, &plan.input.script, &visited);
    output.write(&text)?;
    folder.write("output.json", &text)?;
    let mut findings = Findings::on_run(&plan.input.script, &visited, plan.mode, plan.level);
    findings.faults.extend(stop_fault.map(|fault| fault.to_string()));
    timings.total_us = micros(began);
    Ok(RunReport {
        findings,
        timings,
        dir: folder.path().to_owned(),
        bank,
        kept,
    })
}

/// From nothing running to every event done.
async fn drive(
    plan: &RunPlan,
    folder: &RunFolder,
    cluster: &mut Cluster,
    progress: &Progress,
    timings: &mut Timings,
) -> Result<Vec<Visited>, ClusterError> {
    let branches = &plan.input.branches;
    let phase = Instant::now();
    progress.count("branches up", branches.len());
    cluster.start(|| progress.one()).await?;
    timings.start_us = micros(phase);

    let phase = Instant::now();
    cluster.found(plan.input.script.opening_balance, plan.voters).await?;
    cluster.await_position(branches, 1, FOUND_TIMEOUT).await?;
    timings.founding_us = micros(phase);

    let phase = Instant::now();
    progress.count("events done", plan.input.event_count());
    let config = CustomerConfig {
        programs: plan.programs.clone(),
        bank: cluster.bank_path(),
        dir: folder.customers(),
        level: plan.level,
        propagation: plan.propagation,
        timeout: plan.timeout,
    };
    let event_done = || progress.one();
    let visits = &plan.input.script.visits;
    let visited = match plan.mode {
        Mode::Sequential => {
            customers::run_in_order(&config, &cluster.positions(plan.timeout)?, visits, &event_done).await
        }
        Mode::Concurrent => customers::run_at_once(&config, visits, &event_done).await,
    };
    timings.events_us = micros(phase);
    Ok(visited)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
