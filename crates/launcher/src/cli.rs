//! The command line of `launcher`: parses and checks the arguments, executes the command, and returns the exit code.
//! [`crate::exit`] has the exit codes. With `--json`, a command that fails says so on stdout too, as one line of JSON.

mod args;
mod bench;
mod check;
mod clean;
mod failure;
mod run;
mod runs;

use crate::demo::{self, DemoArgs};
use crate::exit::{EXIT_CODES, Exit};
use crate::live::{self, LiveCommand};
use crate::run::open_files;
use crate::terminal::{stderr, stdout};
use crate::verdict::json::failure_json;
use args::command_line;
use bench::BenchArgs;
use check::CheckArgs;
use clap::{CommandFactory, Parser, Subcommand};
use clean::CleanArgs;
use failure::Failure;
use run::RunArgs;
use runs::RunsArgs;

const EXAMPLES: &str = "\
Examples:
  launcher run inputs/input_big.json
  launcher run inputs/input_big.json --base-port auto --concurrent --output out.json
  launcher run inputs/three_customers.json --keep
  launcher check outputs/latest
  launcher check out.json --input inputs/input_big.json --verbose
  launcher demo read-your-writes
  launcher up --branches 3
  launcher bench --clients 64

";

/// The end of the help of `launcher`, `launcher run` and `launcher check`.
fn after_help() -> String {
    format!("{EXAMPLES}{EXIT_CODES}")
}

/// The version, as `--version` prints it after the name of the program.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("PASSBOOK_COMMIT"), ")");

/// Runs an input file on a bank of real branch processes, and judges the replies that its customers got.
#[derive(Debug, Parser)]
#[command(name = "launcher", version = VERSION, after_help = after_help())]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an input: start its branches, run its customers, write and judge the output, stop everything
    #[command(after_help = after_help())]
    Run(RunArgs),
    /// Judge a run folder, or an output file by its input
    ///
    /// A run folder is judged by its history and the journals of its branches. It may come from another machine.
    ///
    /// An output file needs --input. It is judged as a run of the customers one after the other, in the order of the
    /// input: then each balance is known exactly. With --concurrent it is judged as a run of all customers at once:
    /// then each balance has to include the customer's own earlier writes, and may include writes of others. An input
    /// with faults is always judged in the second way. An output does not show which events got no answer because of a
    /// fault.
    #[command(after_help = after_help())]
    Check(CheckArgs),
    /// Show an anomaly that happens under a weak setting and not under a strong one
    ///
    /// One input is run twice on a bank of three branches, under the weak setting and under the strong one, while the
    /// network delays what is sent to one branch. The result is a folder with report.html, which shows both runs, and a
    /// run folder of each for `launcher check`. Without a lesson, the lessons are listed.
    Demo(DemoArgs),
    /// Measure a bank under load: throughput, latency, processor time, memory
    ///
    /// Starts branches in a temporary directory, opens accounts, lets clients work, and checks the books at the end. The
    /// clients run in this process. With --bank, a bank that runs already is measured.
    #[command(after_help = bench::EXAMPLES)]
    Bench(BenchArgs),
    /// List run folders: when, verdict, size and input of each, newest first
    #[command(after_help = runs::EXAMPLES)]
    Runs(RunsArgs),
    /// Remove old run folders
    #[command(after_help = clean::EXAMPLES)]
    Clean(CleanArgs),
    #[command(flatten)]
    Live(LiveCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Parses the arguments of this process and executes the command. Returns the exit code.
pub async fn execute() -> u8 {
    open_files::raise_limit();
    match Cli::try_parse() {
        Ok(cli) => executed(cli).await,
        Err(error) => unparsed(&error),
    }
}

/// Prints help, or what is wrong with the arguments. Returns the exit code.
fn unparsed(error: &clap::Error) -> u8 {
    // If the terminal cannot be written, the exit code alone shows the failure.
    let _ = error.print();
    if !error.use_stderr() {
        return Exit::Done.code();
    }
    let text = error.render().to_string();
    let lines = text.trim_start_matches("error: ").lines();
    // The first paragraph says what is wrong. The others are about usage.
    let wrong: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    failed(Exit::Usage, &wrong.join(" "))
}

/// Prints a failure as JSON if the arguments ask for JSON. Returns the exit code.
fn failed(exit: Exit, message: &str) -> u8 {
    if command_line().iter().any(|arg| arg == "--json") {
        let _ = stdout::print(&failure_json(exit, message));
    }
    exit.code()
}

async fn executed(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Check(args) => check::check(&args),
        Command::Demo(args) => demo(args).await,
        Command::Bench(args) => bench::bench(args).await,
        Command::Runs(args) => runs::runs(&args),
        Command::Clean(args) => clean::clean(&args),
        Command::Live(command) => live(command).await,
        Command::Completions { shell } => completions(shell),
    };
    done.map_or_else(
        |failure| {
            // If stderr cannot be written, the exit code alone shows the failure.
            let _ = stderr::print(&failure.text());
            failed(failure.exit, &failure.message)
        },
        Exit::code,
    )
}

async fn demo(args: DemoArgs) -> Result<Exit, Failure> {
    demo::execute(args, command_line()).await.map_err(|error| Failure {
        exit: error.exit(),
        message: error.to_string(),
    })
}

async fn live(command: LiveCommand) -> Result<Exit, Failure> {
    Ok(Exit::of(live::execute(command).await?))
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "launcher", &mut script);
    stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
