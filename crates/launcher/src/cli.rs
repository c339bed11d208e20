//! The command line: raw arguments, then checked ones, then what they ask for. Exit codes: 0 consistent, 1 not or
//! failed, 2 wrong input or usage, 128 and its number after a signal.

use crate::demo::{self, DemoArgs};
use crate::input::{self, Input};
use crate::live::{self, LiveCommand};
use crate::output::{self, Format};
use crate::run::execution::{self, RunPlan};
use crate::run::recorded::Recorded;
use crate::terminal::progress::Progress;
use crate::verdict::run_verdict::{Conclusion, Findings};
use crate::verdict::{json, report, text};
use crate::{duration, terminal};
use bank_check::output::Mode;
use bank_client::{Level, Propagation};
use bank_cluster::{Ports, Programs};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  launcher run inputs/input_big.json
  launcher run inputs/input_big.json --base-port auto --concurrent --output out.json
  launcher run inputs/three_customers.json --keep
  launcher check outputs/latest
  launcher check out.json --input inputs/input_big.json --verbose
  launcher demo read-your-writes
  launcher up --branches 3

Exit codes: 0 consistent, 1 not consistent or failed, 2 wrong input or usage, 130 after Ctrl-C.";

/// Runs an input file on a bank of real branch processes, and judges what its customers saw.
#[derive(Debug, Parser)]
#[command(name = "launcher", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the input's branches, run its customers, write the output, judge it, stop everything
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Judge a run folder, or an output file by its input
    ///
    /// A run folder, this machine's or another's, is judged by its history and the branches' journals: exits 0 where all
    /// that was promised held, 1 where it did not, 2 where there was nothing to judge or a file is wrong.
    ///
    /// An output file needs --input.
    /// Customers are taken to have run one after the other, in the input's order, as `launcher run` does: then each balance
    /// is known exactly. Say --concurrent where they ran at once: then each read must be explained by its own customer's
    /// earlier writes and some of the others'. An input with faults is always judged so; which events they kept from an
    /// answer, an output does not show. Exits 1 when anything is wrong.
    Check(CheckArgs),
    /// See an anomaly happen under a weak setting, and not under a strong one
    ///
    /// One input is run twice on a bank of three branches, while the network holds back what is sent to one of them. Played
    /// once, it leaves a folder with report.html, which shows both, and a run folder for each, for `launcher check`. Without
    /// a lesson, lists the lessons.
    Demo(DemoArgs),
    #[command(flatten)]
    Live(LiveCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Customers, branches and faults, as JSON (docs/INPUT.md)
    input: PathBuf,
    /// Where the output goes
    #[arg(long, value_name = "FILE", default_value = "outputs/output.json")]
    output: PathBuf,
    /// The output's form: an entry for each event, for each customer, or each customer's last balance
    #[arg(long, value_enum, default_value_t = Format::Events)]
    output_format: Format,
    /// Branch N listens on this port and N; auto: on any free one
    #[arg(long, value_name = "N|auto", default_value = "50000")]
    base_port: Ports,
    /// Run all customers at once instead of one after the other in the input's order
    #[arg(long)]
    concurrent: bool,
    /// What reads promise: eventual, read-your-writes, monotonic-reads, session or strong
    #[arg(long, default_value = "session", value_parser = clap::builder::PossibleValuesParser::new(Level::ALL.map(Level::as_str)))]
    level: String,
    /// What writes wait for: a quorum, or all branches
    #[arg(long, default_value = "quorum", value_parser = clap::builder::PossibleValuesParser::new(Propagation::ALL.map(Propagation::as_str)))]
    propagation: String,
    /// How many branches vote, 1 to 5 [default: as many as the bank thinks right]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5))]
    voters: Option<u32>,
    /// Leave the branches running, and say how to reach and stop them
    #[arg(long)]
    keep: bool,
    /// The run folder, new or empty [default: a fresh one in outputs/]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The deadline of each event, such as 10s or 500ms
    #[arg(long, value_name = "D", default_value = "10s", value_parser = duration::parse)]
    timeout: Duration,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// A run folder; or an output, in any of the three forms
    #[arg(value_name = "RUN|OUTPUT")]
    path: PathBuf,
    /// The input that the output answers
    #[arg(long)]
    input: Option<PathBuf>,
    /// The customers ran all at once; a run folder says so itself
    #[arg(long, requires = "input")]
    concurrent: bool,
    /// Also print each pair of adjacent queries, as the assignment's checker does
    #[arg(long, short)]
    verbose: bool,
    /// Print the verdict as one line of JSON
    #[arg(long)]
    json: bool,
}

/// How the program ends, apart from a verdict.
struct Failure {
    exit_code: u8,
    message: String,
}

impl Failure {
    fn usage(error: impl ToString) -> Self {
        Failure {
            exit_code: 2,
            message: error.to_string(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure {
            exit_code: 1,
            message: format!("stdout: {error}"),
        }
    }
}

/// Does what was asked; the exit code.
pub async fn execute(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Run(args) => run(args).await,
        Command::Check(args) => check(&args),
        Command::Demo(args) => demo(args).await,
        Command::Live(command) => live(command).await,
        Command::Completions { shell } => completions(shell),
    };
    done.unwrap_or_else(|failure| {
        // A stderr that cannot be written leaves the exit code to speak.
        let _ = std::io::Write::write_all(
            &mut anstream::stderr(),
            format!("launcher: {}\n", failure.message).as_bytes(),
        );
        failure.exit_code
    })
}

fn exit_code(findings: &Findings) -> u8 {
    match findings.conclusion() {
        Conclusion::Consistent | Conclusion::Unknown => 0,
        Conclusion::Inconsistent => 1,
    }
}

fn mode(concurrent: bool) -> Mode {
    if concurrent { Mode::Concurrent } else { Mode::Sequential }
}

/// What was typed, without the program.
fn command_line() -> Vec<String> {
    let args = std::env::args_os().skip(1);
    args.map(|arg| arg.to_string_lossy().into_owned()).collect()
}

impl RunArgs {
    /// Reads the input and checks all that can be checked before anything is made.
    fn plan(self) -> Result<RunPlan, Failure> {
        let input_text = input::read_text(&self.input).map_err(Failure::usage)?;
        let input = Input::parse(&self.input, &input_text).map_err(Failure::usage)?;
        self.base_port.chosen(&input.branches).map_err(Failure::usage)?;
        if self.keep && input.bends_network() {
            return Err(Failure::usage(
                "--keep: the input bends the network between the branches, which is a part of this program and ends with it; \
                 run it without --keep, or without its hold, delay, cut and heal",
            ));
        }
        let voters = self.voters.unwrap_or(0);
        if voters as usize > input.branches.len() {
            return Err(Failure::usage(format!(
                "--voters {voters}: no more can vote than there are branches, and the input has {}",
                input.branches.len()
            )));
        }
        let input_name = self
            .input
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let programs = Programs::beside_this_one().map_err(|error| Failure {
            exit_code: 1,
            message: error.to_string(),
        })?;
        Ok(RunPlan {
            input,
            input_name,
            flags: command_line(),
            input_text,
            output: self.output,
            format: self.output_format,
            ports: self.base_port,
            mode: mode(self.concurrent),
            level: self.level.parse().map_err(Failure::usage)?,
            propagation: self.propagation.parse().map_err(Failure::usage)?,
            voters,
            keep: self.keep,
            dir: self.dir,
            timeout: self.timeout,
            programs,
        })
    }
}

async fn run(args: RunArgs) -> Result<u8, Failure> {
    let as_json = args.json;
    let plan = args.plan()?;
    let progress = if as_json {
        Progress::hidden()
    } else {
        Progress::on_stderr()
    };
    let report = execution::run(&plan, &progress).await;
    let report = report.map_err(|error| Failure {
        exit_code: error.exit_code(),
        message: error.to_string(),
    })?;
    terminal::stdout::print(&if as_json {
        json::run_json(&plan, &report)
    } else {
        report::run_text(&plan, &report)
    })?;
    Ok(exit_code(&report.findings))
}

fn check(args: &CheckArgs) -> Result<u8, Failure> {
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
    let findings = Findings::on_recorded(&recorded);
    terminal::stdout::print(&if args.json {
        json::findings_json(&findings)
    } else {
        text::findings_text(&findings, args.verbose)
    })?;
    Ok(match findings.conclusion() {
        Conclusion::Consistent => 0,
        Conclusion::Inconsistent => 1,
        Conclusion::Unknown => 2,
    })
}

fn check_output(args: &CheckArgs, input: &Path) -> Result<u8, Failure> {
    let input = Input::load(input).map_err(Failure::usage)?;
    let output = output::load(&args.path).map_err(Failure::usage)?;
    let findings = Findings::on_output(&input, &output, mode(args.concurrent));
    let mut text = if args.json {
        json::findings_json(&findings)
    } else {
        text::findings_text(&findings, args.verbose)
    };
    let other = || Findings::on_output(&input, &output, mode(!args.concurrent)).conclusion();
    let wrong = findings.conclusion() == Conclusion::Inconsistent;
    if wrong && !args.json && !args.concurrent && other() == Conclusion::Consistent {
        text += "(as a run of all customers at once it would be consistent; if it was one, say --concurrent)\n";
    }
    terminal::stdout::print(&text)?;
    Ok(exit_code(&findings))
}

async fn demo(args: DemoArgs) -> Result<u8, Failure> {
    demo::execute(args, command_line()).await.map_err(|error| Failure {
        exit_code: error.exit_code(),
        message: error.to_string(),
    })
}

async fn live(command: LiveCommand) -> Result<u8, Failure> {
    live::execute(command).await.map_err(|error| Failure {
        exit_code: error.exit_code(),
        message: error.to_string(),
    })
}

fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "launcher", &mut script);
    terminal::stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
