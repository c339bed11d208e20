//! `launcher bench`: measures a bank under load, and compares results.

use super::failure::Failure;
use crate::bench::accounts::Accounts;
use crate::bench::compare::Comparison;
use crate::bench::execution::{self, BankChoice, BenchPlan};
use crate::bench::settings::{
    CLIENTS_MAX, DURATION_MAX, Limit, OPERATIONS_MAX, Op, RATE_MAX, REPEATS_MAX, Settings, THREADS_MAX, WINDOW_MAX,
};
use crate::bench::{self, BenchError, json, page};
use crate::duration;
use crate::exit::Exit;
use crate::input::BRANCHES_MAX;
use crate::output::{OutputFile, is_stdout};
use crate::terminal::progress::Progress;
use crate::terminal::{stderr, stdout};
use bank_client::{BankFile, Level, Propagation, SecurityFiles};
use bank_types::parse_duration_or_seconds;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  launcher bench                       # deposits of 64 clients at 3 branches
  launcher bench --clients 1 --duration 30s --repeats 5
  launcher bench --op query --level strong
  launcher bench --op transfer --accounts skewed:100000
  launcher bench --op bulk --clients 3 # streams of deposits
  launcher bench --rate 5000           # 5000 a second, however slow the bank
  launcher bench --bank outputs/bank/bank.json --operations 10000
  launcher bench --data /mnt/disk --json > today.json
  launcher bench compare yesterday.json today.json
  launcher bench --tls --json > tls.json   # to compare with one without

The books are checked at the end, unless the bank was there before.
Exit codes: 0 measured, 1 the books are wrong, 2 wrong usage, 3 not finished,
130 after Ctrl-C, which prints what was measured until then.";

/// Warm-up if none is given.
const WARM_UP: &str = "2s";
/// Length of a repeat if none is given.
const DURATION: Duration = Duration::from_secs(10);
/// Branches of a new bank if none are given.
const BRANCHES: u32 = 3;
/// Cores for each thread of clients, if their number is not given: the branches need most of them.
const CORES_PER_LOAD_THREAD: usize = 4;

const COMPARE_EXAMPLES: &str = "\
Examples:
  launcher bench --json > before.json
  launcher bench --json > after.json
  launcher bench compare before.json after.json

A ratio is B to A. Its lowest value is that of the worst repeats: the lowest of
B to the highest of A. If 1 is between lowest and highest, the repeats do not
show a difference. Results with different settings are not compared.
Exit codes: 0 compared, 2 wrong usage, or different settings.";

/// The arguments of `launcher bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Compare two results of --json: the ratio of each figure, with its spread
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Result that the other one is compared with
    a: PathBuf,
    /// The other result
    b: PathBuf,
    /// Print the comparison as JSON, with a line for each figure
    #[arg(long)]
    json: bool,
}

/// The arguments of a benchmark.
#[derive(Debug, Args)]
struct LoadArgs {
    /// Number of branches of the new bank [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "bank", value_parser = clap::value_parser!(u32).range(1..=BRANCHES_MAX as i64))]
    branches: Option<u32>,
    /// Number of clients. Each has its own connection and session, and one operation at a time, or one stream
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    /// What the clients do
    #[arg(long, value_enum, default_value_t = Op::Deposit)]
    op: Op,
    /// Consistency level of reads, with --op query or mixed [default: session]
    #[arg(long, value_parser = PossibleValuesParser::new(Level::ALL.map(Level::as_str)).try_map(|word| word.parse::<Level>()))]
    level: Option<Level>,
    /// Accounts of the operations: one, many:N (each equally often), skewed:N (Zipf); N is 200 if it is left out
    #[arg(long, value_name = "one|many[:N]|skewed[:N]", default_value = "many")]
    accounts: Accounts,
    /// Most deposits of a client that are under way at once, with --op bulk [default: 8192]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(WINDOW_MAX)))]
    window: Option<u32>,
    /// Branches that a write waits for [default: quorum]
    #[arg(long, value_parser = PossibleValuesParser::new(Propagation::ALL.map(Propagation::as_str)).try_map(|word| word.parse::<Propagation>()))]
    propagation: Option<Propagation>,
    /// Open loop: R operations a second begin, and latency counts from when each was to begin [default: closed loop]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: Option<u32>,
    /// Time before the first operation that counts, in each repeat
    #[arg(long, value_name = "DURATION", default_value = WARM_UP, value_parser = warm_up)]
    warm_up: Duration,
    /// Length of each repeat, such as 10s or 5m [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = length)]
    duration: Option<Duration>,
    /// Number of operations of each repeat, in the place of --duration
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX))]
    operations: Option<u64>,
    /// Number of repeats, at one bank
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=i64::from(REPEATS_MAX)))]
    repeats: u32,
    /// Number of threads for the clients [default: one for four cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(THREADS_MAX)))]
    load_threads: Option<u32>,
    /// Deadline of each operation, such as 10s or 500ms
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse_flag)]
    timeout: Duration,
    /// Measure the bank of this bank file, which runs already. Its books grow, and get accounts bench-0, bench-1, …
    #[arg(long, value_name = "FILE")]
    bank: Option<PathBuf>,
    /// Give the branches of the new bank and the clients certificates. All of them connect by TLS then
    #[arg(long, conflicts_with = "bank")]
    tls: bool,
    /// Connect to the bank of --bank by TLS, with the certificates in this directory
    #[arg(long, value_name = "DIR", requires = "bank")]
    certs_dir: Option<PathBuf>,
    /// The client of --certs-dir to be, a teller, if the directory has the keys of several
    #[arg(long, value_name = "NAME", requires = "certs_dir")]
    client: Option<String>,
    /// Directory on the disk that is to have the new bank, in a temporary directory [default: that of the system]
    #[arg(long, value_name = "DIR", conflicts_with = "bank")]
    data: Option<PathBuf>,
    /// Print the result as JSON, with a line for each field at its top
    #[arg(long)]
    json: bool,
    /// Write a page with charts: latency by percentile, and throughput over time
    #[arg(long, value_name = "FILE.html")]
    page: Option<PathBuf>,
}

/// Reads the duration of a warm-up, which may be 0.
fn warm_up(text: &str) -> Result<Duration, String> {
    let duration = parse_duration_or_seconds(text).filter(|duration| *duration <= DURATION_MAX);
    duration.ok_or_else(|| "write a duration from 0s to 1h, such as 500ms or 10s".to_owned())
}

/// Reads the length of a repeat.
fn length(text: &str) -> Result<Duration, String> {
    let duration = parse_duration_or_seconds(text).filter(|duration| !duration.is_zero() && *duration <= DURATION_MAX);
    duration.ok_or_else(|| "write a duration from 1ms to 1h, such as 500ms or 10s".to_owned())
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Failure {
            exit: error.exit(),
            message: error.to_string(),
        }
    }
}

impl LoadArgs {
    /// Checks everything that can be checked before anything is started.
    fn plan(self) -> Result<BenchPlan, Failure> {
        let op = self.op;
        if self.level.is_some() && !op.reads() {
            let word = op.word();
            return Err(Failure::usage(format!(
                "--level is for reads, and --op {word} has none; add --op query"
            )));
        }
        if self.propagation.is_some() && !op.writes() {
            return Err(Failure::usage("--propagation is for writes, and --op query has none"));
        }
        if self.window.is_some() && op != Op::Bulk {
            let word = op.word();
            return Err(Failure::usage(format!(
                "--window is for streams, and --op {word} has none; add --op bulk"
            )));
        }
        if matches!(op, Op::Transfer | Op::Mixed) && self.accounts == Accounts::One {
            let word = op.word();
            return Err(Failure::usage(format!(
                "--op {word} moves money between accounts: --accounts one is too few"
            )));
        }
        let load_threads = self.load_threads.unwrap_or_else(load_threads).min(self.clients);
        let bank = match &self.bank {
            Some(path) => {
                let files = SecurityFiles {
                    certs_dir: self.certs_dir.clone(),
                    client: self.client,
                    ..SecurityFiles::default()
                };
                let security = files.load().map_err(Failure::usage)?;
                BankChoice::Running(BankFile::load(path).map_err(BenchError::from)?, security)
            }
            None => BankChoice::Own(self.data.unwrap_or_else(std::env::temp_dir)),
        };
        let branches = match &bank {
            BankChoice::Running(file, _) => u32::try_from(file.branches().len()).unwrap_or(u32::MAX),
            BankChoice::Own(_) => self.branches.unwrap_or(BRANCHES),
        };
        let limit = match self.operations {
            Some(operations) => Limit::Operations(operations),
            None => Limit::DurationMs(millis(self.duration.unwrap_or(DURATION))),
        };
        Ok(BenchPlan {
            settings: Settings {
                branches,
                clients: self.clients,
                op,
                level: op.reads().then(|| self.level.unwrap_or_default()),
                accounts: self.accounts,
                window: (op == Op::Bulk).then(|| self.window.unwrap_or(WINDOW_MAX)),
                propagation: op.writes().then(|| self.propagation.unwrap_or_default()),
                rate: self.rate,
                warm_up_ms: millis(self.warm_up),
                limit,
                load_threads,
                timeout_ms: millis(self.timeout),
                own_bank: self.bank.is_none(),
                tls: self.tls || self.certs_dir.is_some(),
            },
            repeats: self.repeats,
            bank,
        })
    }
}

fn load_threads() -> u32 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores / CORES_PER_LOAD_THREAD)
        .unwrap_or(1)
        .clamp(1, THREADS_MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Measures, or compares.
pub(super) async fn bench(args: BenchArgs) -> Result<Exit, Failure> {
    match args.command {
        Some(BenchCommand::Compare(args)) => compare(&args),
        None => measure(args.load).await,
    }
}

fn compare(args: &CompareArgs) -> Result<Exit, Failure> {
    let comparison = Comparison::of_files(&args.a, &args.b)?;
    stdout::print(&match args.json {
        true => comparison.json(),
        false => comparison.text(),
    })?;
    Ok(Exit::Done)
}

/// Measures, and prints the result.
async fn measure(args: LoadArgs) -> Result<Exit, Failure> {
    let as_json = args.json;
    let page = args.page.as_deref().map(page_file).transpose()?;
    let plan = args.plan()?;
    let done = execution::run(&plan, &Progress::on_stderr()).await?;
    stdout::print(&match as_json {
        true => json::write(&done.results),
        false => bench::text(&done.results),
    })?;
    if let Some(file) = page {
        let written = file.write(&page::html(&done.results));
        written.map_err(|error| Failure::failed(format!("the page {}", error.what())))?;
    }
    match (done.error, done.interrupted) {
        (Some(error), _) => {
            // The result was printed. A second document would spoil it.
            stderr::print(&format!("launcher: {error}\n"))?;
            Ok(error.exit())
        }
        (None, Some(code)) => Ok(Exit::Signal(code)),
        (None, None) => Ok(Exit::Done),
    }
}

/// The file for the page, which is checked before anything is measured.
fn page_file(path: &Path) -> Result<OutputFile, Failure> {
    if is_stdout(path) {
        return Err(Failure::usage(
            "--page: the page needs a file, because the table is on stdout",
        ));
    }
    let prepared = OutputFile::prepare(path, &[], None);
    prepared.map_err(|error| Failure::usage(format!("the page {}; name another file with --page", error.what())))
}
