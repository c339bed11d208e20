//! One run from start to end: folder, branches, bank, customers, command logs, stop. However it ends, its processes end
//! with it, except branches that it was asked to keep.

use crate::date::date_and_time;
use crate::input::Input;
use crate::run::customers::{self, CustomerConfig, Visited};
use crate::run::fault_player::{FaultPlayer, InjectedFault, Played, SeenWaiting};
use crate::run::folder::{INPUT_FILE, OUTPUTS, RunFolder, RunFolderError};
use crate::run::history::{self, Terms};
use crate::run::meta::{self, Meta, Platform};
use crate::terminal::progress::Progress;
use crate::terminal::signals::Interrupts;
use bank_check::History;
use bank_check::history::{Fault, Journal};
use bank_check::output::Mode;
use bank_client::{Level, Propagation};
use bank_cluster::clock::monotonic_us;
use bank_cluster::command_log::{self, Collected};
use bank_cluster::network::LinkSet;
use bank_cluster::network::LinkState;
use bank_cluster::{Cluster, ClusterConfig, ClusterError, FOUND_TIMEOUT, Lifetime, Ports, Programs};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use thiserror::Error;

/// Customers' sessions and logs, in the run folder.
const CUSTOMERS_DIR: &str = "customers";
/// So long branches are waited for before a customer comes, in a run with faults: a branch that hears of the others has
/// caught up within milliseconds, and one that a fault reaches meanwhile must not keep the customer from its place.
const CATCH_UP_UNDER_FAULTS: Duration = Duration::from_secs(1);

/// Everything that a run is asked to be.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The checked input.
    pub input: Input,
    /// Its name.
    pub input_name: String,
    /// The command line, for the run folder.
    pub flags: Vec<String>,
    /// Its text, for the run folder.
    pub input_text: String,
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
    /// How long a voter waits for its leader before it stands for election.
    pub election_timeout: Duration,
    /// What to start.
    pub programs: Programs,
}

/// A run that has ended: what happened, before it is judged.
#[derive(Debug)]
pub struct Ran {
    /// The run folder, which holds the input and the processes' files so far.
    pub folder: RunFolder,
    /// The bank file.
    pub bank: PathBuf,
    /// What customers were told, in the order of the input's visits.
    pub visited: Vec<Visited>,
    /// Operations, faults and command logs.
    pub history: History,
    /// The input's faults that were done, in its order.
    pub injected: Vec<InjectedFault>,
    /// Requests that were seen to wait, each just before a fault was undone.
    pub seen_waiting: Vec<SeenWaiting>,
    /// What went wrong in the run that its history cannot show, in words.
    pub failures: Vec<String>,
    /// What was not come to and could not be read, in words.
    pub notes: Vec<String>,
    /// The version that a branch gives as its own.
    pub branchd_version: Option<String>,
    /// The processes of the branches that were left running.
    pub kept: Vec<u32>,
    /// Where the time went so far.
    pub timings: Timings,
    /// When the run began, by the calendar.
    pub started: SystemTime,
    /// When the run began.
    pub began: Instant,
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
    /// Until every branch's journal is read.
    pub journals_us: u64,
    /// Until every branch has ended.
    pub stop_us: u64,
    /// Until the run is judged and its files are written.
    pub report_us: u64,
    /// All of it.
    pub total_us: u64,
}

/// Why a run cannot be judged.
#[derive(Debug, Error)]
pub enum RunError {
    /// The run folder cannot be made.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The branches do not do what they have to.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A signal came; everything was stopped.
    #[error("stopped by a signal before the end: no output was written, and no process is left; the run's logs and books are in {}", dir.display())]
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
            RunError::Folder(_) => 2,
            RunError::Cluster(_) | RunError::Signals(_) => 1,
        }
    }
}

/// Runs an input.
///
/// # Errors
/// The run did not come to its end. No process is left then.
pub async fn run(plan: &RunPlan, progress: &Progress) -> Result<Ran, RunError> {
    let (began, started) = (Instant::now(), SystemTime::now());
    let origin_us = monotonic_us();
    let mut interrupts = Interrupts::listen().map_err(RunError::Signals)?;
    let folder = match &plan.dir {
        Some(dir) => RunFolder::named(dir)?,
        None => fresh_folder(started)?,
    };
    let customers = folder.inside(CUSTOMERS_DIR)?;
    folder.write(INPUT_FILE, &plan.input_text)?;
    let config = ClusterConfig {
        programs: plan.programs.clone(),
        dir: folder.path().to_owned(),
        secret_file: None,
        branches: plan.input.branches.clone(),
        ports: plan.ports.clone(),
        lifetime: if plan.keep {
            Lifetime::Kept
        } else {
            Lifetime::WithLauncher
        },
        election_timeout: plan.election_timeout,
        branch_args: Vec::new(),
    };
    let mut cluster = match plan.input.needs_relays() {
        true => Cluster::relayed(config).await?,
        false => Cluster::new(config),
    };
    let mut timings = Timings::default();
    let ran = tokio::select! {
        ran = drive(plan, &customers, &mut cluster, progress, origin_us, &mut timings) => ran.map_err(RunError::from),
        exit_code = interrupts.next() => Err(RunError::Interrupted { dir: folder.path().to_owned(), exit_code }),
    };
    progress.end();
    if let Some(network) = cluster.network() {
        // Branches that cannot hear each other drain slowly.
        network.apply(LinkSet::All, LinkState::Pass);
    }
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
    let Driven {
        visited,
        played,
        collected,
    } = ran?;
    timings.stop_us = micros(stopping);
    let mut failures = played.failures;
    failures.extend(stop_fault.map(|fault| fault.to_string()));
    Ok(Ran {
        history: whole_history(plan, &visited, (played.faults, collected.command_logs), origin_us),
        folder,
        bank,
        visited,
        injected: played.injected,
        seen_waiting: played.seen_waiting,
        failures,
        notes: played.notes.into_iter().chain(collected.missing).collect(),
        branchd_version: collected.version,
        kept,
        timings,
        started,
        began,
    })
}

fn fresh_folder(now: SystemTime) -> Result<RunFolder, RunFolderError> {
    let folder = RunFolder::fresh(OUTPUTS.as_ref(), "run", now)?;
    folder.link_latest();
    Ok(folder)
}

/// What happened, whole.
fn whole_history(
    plan: &RunPlan,
    visited: &[Visited],
    (faults, journals): (Vec<Fault>, Vec<Journal>),
    origin_us: u64,
) -> History {
    let terms = Terms {
        level: plan.level,
        propagation: plan.propagation,
        origin_us,
    };
    let mut branches = plan.input.branches.clone();
    branches.sort_unstable();
    History {
        operations: history::operations(&plan.input.script, visited, terms),
        faults,
        journals,
        branches,
    }
}

impl Ran {
    /// How the run was made. `faults`: what went wrong in it that its history cannot show, in words.
    pub fn meta(&self, plan: &RunPlan, faults: Vec<String>) -> Meta {
        Meta {
            input: plan.input_name.clone(),
            started: date_and_time(self.started),
            flags: plan.flags.clone(),
            level: plan.level,
            propagation: plan.propagation,
            concurrent: plan.mode == Mode::Concurrent,
            opening_balance: plan.input.script.opening_balance,
            every_read: false,
            branches: self.history.branches.clone(),
            journals: self.history.journals.iter().map(|journal| journal.branch).collect(),
            faults,
            versions: meta::versions(self.branchd_version.clone()),
            platform: Platform::this(),
        }
    }
}

/// What customers were told, what befell the bank, and what branches have.
struct Driven {
    visited: Vec<Visited>,
    played: Played,
    collected: Collected,
}

/// From nothing running to every event done and every journal read.
async fn drive(
    plan: &RunPlan,
    customers: &RunFolder,
    cluster: &mut Cluster,
    progress: &Progress,
    origin_us: u64,
    timings: &mut Timings,
) -> Result<Driven, ClusterError> {
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
        dir: customers.path().to_owned(),
        level: plan.level,
        propagation: plan.propagation,
        timeout: plan.timeout,
    };
    let (visited, played) = attend(plan, &config, cluster, origin_us, &|| progress.one()).await?;
    timings.events_us = micros(phase);

    let phase = Instant::now();
    let records = visited.iter().flat_map(|visited| &visited.records);
    let position = records.filter_map(|record| record.position).fold(1, u64::max);
    let collected = command_log::collect(cluster, position, origin_us).await;
    timings.journals_us = micros(phase);
    Ok(Driven {
        visited,
        played,
        collected,
    })
}

/// The customers' events, and the faults between and beside them.
async fn attend(
    plan: &RunPlan,
    config: &CustomerConfig,
    cluster: &Cluster,
    origin_us: u64,
    event_done: &impl Fn(),
) -> Result<(Vec<Visited>, Played), ClusterError> {
    let visits = &plan.input.script.visits;
    let player = FaultPlayer::new(cluster, &plan.input.faults, origin_us);
    let visited = match plan.mode {
        Mode::Sequential => {
            let patience = match player.is_idle() {
                true => plan.timeout,
                false => plan.timeout.min(CATCH_UP_UNDER_FAULTS),
            };
            let positions = cluster.positions(patience)?;
            player
                .beside(customers::run_in_order(config, &positions, visits, &player, event_done))
                .await
        }
        Mode::Concurrent => {
            player
                .beside(customers::run_at_once(config, visits, &player, event_done))
                .await
        }
    };
    Ok((visited, player.finish().await))
}

/// The time since then, in microseconds.
pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
