//! One run from start to end: it makes the run folder, starts the branches, founds the bank, runs the customers, reads
//! the command logs, and stops the branches. All processes end with the run.

use crate::date::date_and_time;
use crate::exit::Exit;
use crate::input::Input;
use crate::run::customers::{self, CustomerConfig, Visited};
use crate::run::fault_player::{FaultPlayer, InjectedFault, Played, SeenWaiting};
use crate::run::folder::{CUSTOMERS_DIR, INPUT_FILE, OUTPUTS, RunFolder, RunFolderError};
use crate::run::history::{self, Terms};
use crate::run::meta::{self, Meta, Platform};
use crate::run::open_files::{self, OpenFilesError};
use crate::run::state::{Kind, RunState, State, UnderWay};
use crate::terminal::progress::Progress;
use crate::terminal::signals::Interrupts;
use bank_check::History;
use bank_check::output::Mode;
use bank_client::{Level, Propagation};
use bank_cluster::clock::monotonic_us;
use bank_cluster::command_log::{self, Collected};
use bank_cluster::network::{LinkSet, LinkState};
use bank_cluster::{Cluster, ClusterConfig, ClusterError, FOUND_TIMEOUT, Ports, Programs};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use thiserror::Error;

/// Bound on the wait for branches before a visit, in a run with faults. A healthy branch catches up within
/// milliseconds. A fault that begins meanwhile must not delay the customer for long.
const CATCH_UP_UNDER_FAULTS: Duration = Duration::from_secs(1);

/// Everything that determines a run.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The checked input.
    pub input: Input,
    /// The name of the input.
    pub input_name: String,
    /// The command line, for the run folder.
    pub flags: Vec<String>,
    /// The text of the input, for the run folder.
    pub input_text: String,
    /// The ports of the branches.
    pub ports: Ports,
    /// Whether customers run one after the other or at once.
    pub mode: Mode,
    /// The level of all reads.
    pub level: Level,
    /// The propagation of all writes.
    pub propagation: Propagation,
    /// Number of branches that vote. 0 lets the bank choose.
    pub voters: u32,
    /// Whether branches and customers have certificates and connect by TLS.
    pub tls: bool,
    /// Whether the bank is to be started again after the run, as a live bank.
    pub keep: bool,
    /// The run folder, new or empty. `None` stands for a fresh one.
    pub dir: Option<PathBuf>,
    /// The deadline of each event.
    pub timeout: Duration,
    /// How long a voter waits for its leader before it stands for election.
    pub election_timeout: Duration,
    /// The programs to start.
    pub programs: Programs,
}

/// A run that has ended and is not judged yet.
#[derive(Debug)]
pub struct Ran {
    /// The run folder. It holds the input and the files of the processes so far.
    pub folder: RunFolder,
    /// The state of the run in its folder, until the run is judged.
    pub under_way: UnderWay,
    /// The bank file.
    pub bank: PathBuf,
    /// The results of the visits, in the order of the input.
    pub visited: Vec<Visited>,
    /// Operations, faults and command logs.
    pub history: History,
    /// The faults of the input that were injected, in the order of the input.
    pub injected: Vec<InjectedFault>,
    /// Requests that were seen to wait, each just before a fault was undone.
    pub seen_waiting: Vec<SeenWaiting>,
    /// Messages about failures that the history cannot show.
    pub failures: Vec<String>,
    /// Messages about faults that did not begin and command logs that could not be read.
    pub notes: Vec<String>,
    /// The version of `branchd`, if a branch told it.
    pub branchd_version: Option<String>,
    /// Durations of the phases so far.
    pub timings: Timings,
    /// Date and time of the start.
    pub started: SystemTime,
    /// The start, for durations.
    pub began: Instant,
}

/// Durations of the phases of a run, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Timings {
    /// Starting the branches, until each of them listens.
    pub start_us: u64,
    /// Founding the bank, until it has a leader and each branch is ready.
    pub founding_us: u64,
    /// Running the customers' events.
    pub events_us: u64,
    /// Reading the command logs.
    pub journals_us: u64,
    /// Stopping the branches.
    pub stop_us: u64,
    /// Judging the run and writing its files.
    pub report_us: u64,
    /// The whole run.
    pub total_us: u64,
}

/// Why a run did not come to its end.
#[derive(Debug, Error)]
pub enum RunError {
    /// The run folder cannot be made.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// A branch failed, or the bank could not be founded.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A signal ended the run. All processes were stopped.
    #[error("stopped by a signal before the end: no output was written, and no process is left; the run's logs and books are in {}", dir.display())]
    Interrupted {
        /// The run folder.
        dir: PathBuf,
        /// 128 and the signal's number.
        exit_code: u8,
    },
    /// This process and the branches may not have enough files open at once.
    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] std::io::Error),
}

impl RunError {
    /// How a command ends because of this error. It is wrong usage if other arguments would help.
    pub fn exit(&self) -> Exit {
        match self {
            RunError::Interrupted { exit_code, .. } => Exit::Signal(*exit_code),
            RunError::Cluster(error) if error.is_usage() => Exit::Usage,
            RunError::Folder(_) => Exit::Usage,
            RunError::OpenFiles(_) | RunError::Cluster(_) | RunError::Signals(_) => Exit::NotFinished,
        }
    }

    /// The state of a run that ended with this error, and the reason, for its folder.
    fn state(&self) -> (State, String) {
        match self {
            RunError::Interrupted { .. } => (State::Interrupted, "a signal stopped it".to_owned()),
            error => (State::NotFinished, error.to_string()),
        }
    }
}

/// Runs an input.
///
/// # Errors
/// The run did not come to its end. No process runs then.
pub async fn run(plan: &RunPlan, progress: &Progress) -> Result<Ran, RunError> {
    let (began, started) = (Instant::now(), SystemTime::now());
    let mut interrupts = Interrupts::listen().map_err(RunError::Signals)?;
    open_files::check(&plan.input, plan.mode)?;
    let folder = match &plan.dir {
        Some(dir) => RunFolder::named(dir)?,
        None => RunFolder::fresh(OUTPUTS.as_ref(), "run", started)?,
    };
    let state = RunState::running(Kind::Run, &plan.input_name, date_and_time(started));
    let under_way = UnderWay::begin(&folder, state)?;
    match play(plan, progress, &folder, &mut interrupts).await {
        Ok(played) => Ok(played.ran(folder, under_way, (began, started))),
        Err(error) => {
            let (state, reason) = error.state();
            under_way.stopped(state, reason);
            Err(error)
        }
    }
}

/// Starts the bank in the run folder, runs the customers, and stops the bank.
async fn play(
    plan: &RunPlan,
    progress: &Progress,
    folder: &RunFolder,
    interrupts: &mut Interrupts,
) -> Result<PlayedRun, RunError> {
    let origin_us = monotonic_us();
    let customers = folder.inside(CUSTOMERS_DIR)?;
    folder.write(INPUT_FILE, &plan.input_text)?;
    let config = ClusterConfig {
        programs: plan.programs.clone(),
        dir: folder.path().to_owned(),
        secret_file: None,
        tls: plan.tls,
        branches: plan.input.branches.clone(),
        ports: plan.ports.clone(),
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
        // Branches drain slowly while they cannot reach each other.
        network.apply(LinkSet::All, LinkState::Pass);
    }
    let stopping = Instant::now();
    let mut stop_fault = None;
    let bank = cluster.bank_path();
    let stopped = tokio::select! {
        stopped = cluster.stop() => Some(stopped),
        _ = interrupts.next() => None,
    };
    match stopped {
        None => cluster.kill_all(),
        Some(stopped) => stop_fault = stopped.err(),
    }
    let mut driven = ran?;
    timings.stop_us = micros(stopping);
    Ok(PlayedRun {
        history: whole_history(plan, &mut driven, origin_us),
        driven,
        bank,
        stop_fault,
        timings,
    })
}

/// A run whose bank has stopped.
struct PlayedRun {
    history: History,
    driven: Driven,
    bank: PathBuf,
    /// The error of a branch that did not stop as it should.
    stop_fault: Option<ClusterError>,
    timings: Timings,
}

impl PlayedRun {
    fn ran(self, folder: RunFolder, mut under_way: UnderWay, (began, started): (Instant, SystemTime)) -> Ran {
        let Driven {
            visited,
            played,
            collected,
        } = self.driven;
        under_way.played();
        let mut failures = played.failures;
        failures.extend(self.stop_fault.map(|fault| fault.to_string()));
        Ran {
            folder,
            under_way,
            bank: self.bank,
            visited,
            history: self.history,
            injected: played.injected,
            seen_waiting: played.seen_waiting,
            failures,
            notes: played.notes.into_iter().chain(collected.missing).collect(),
            branchd_version: collected.version,
            timings: self.timings,
            started,
            began,
        }
    }
}

/// The history of the run.
fn whole_history(plan: &RunPlan, driven: &mut Driven, origin_us: u64) -> History {
    let terms = Terms {
        level: plan.level,
        propagation: plan.propagation,
        origin_us,
    };
    let mut branches = plan.input.branches.clone();
    branches.sort_unstable();
    History {
        operations: history::operations(&plan.input.script, &driven.visited, terms),
        faults: std::mem::take(&mut driven.played.faults),
        journals: std::mem::take(&mut driven.collected.command_logs),
        branches,
    }
}

impl Ran {
    /// The metadata of the run. `faults` are messages about failures that the history cannot show.
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

/// The results of the customers, of the faults and of the branches.
struct Driven {
    visited: Vec<Visited>,
    played: Played,
    collected: Collected,
}

/// Starts the branches, runs all events, and reads the command logs.
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
        flags: cluster.customer_flags(),
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

/// Runs the customers' events, and plays the faults.
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

/// The time since an instant, in microseconds.
pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
