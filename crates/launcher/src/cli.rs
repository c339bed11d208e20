//! The command line of `launcher`: parses and checks the arguments, executes the command, and returns the exit code.
//! Exit codes: 0 consistent, 1 not consistent or failed, 2 wrong input or usage, 128 plus the number of the signal
//! after a signal.

mod args;
mod check;
mod failure;
mod run;

use crate::demo::{self, DemoArgs};
use crate::live::{self, LiveCommand};
use crate::terminal::stdout;
use args::command_line;
use check::CheckArgs;
use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use run::RunArgs;

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

/// Runs an input file on a bank of real branch processes, and judges the replies that its customers got.
#[derive(Debug, Parser)]
#[command(name = "launcher", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an input: start its branches, run its customers, write and judge the output, stop everything
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Judge a run folder, or an output file by its input
    ///
    /// A run folder is judged by its history and the journals of its branches. It may come from another machine. Exit
    /// codes: 0 if all promised guarantees held, 1 if one did not, 2 if there was nothing to judge or a file is
    /// malformed.
    ///
    /// An output file needs --input. It is judged as a run of the customers one after the other, in the order of the
    /// input: then each balance is known exactly. With --concurrent it is judged as a run of all customers at once:
    /// then each balance has to include the customer's own earlier writes, and may include writes of others. An input
    /// with faults is always judged in the second way. An output does not show which events got no answer because of a
    /// fault. Exit code 1 if a result is wrong.
    Check(CheckArgs),
    /// Show an anomaly that happens under a weak setting and not under a strong one
    ///
    /// One input is run twice on a bank of three branches, under the weak setting and under the strong one, while the
    /// network delays what is sent to one branch. The result is a folder with report.html, which shows both runs, and a
    /// run folder of each for `launcher check`. Without a lesson, the lessons are listed.
    Demo(DemoArgs),
    #[command(flatten)]
    Live(LiveCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Executes the command; returns the exit code.
pub async fn execute(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Check(args) => check::check(&args),
        Command::Demo(args) => demo(args).await,
        Command::Live(command) => live(command).await,
        Command::Completions { shell } => completions(shell),
    };
    done.unwrap_or_else(|failure| {
        // If stderr cannot be written, the exit code alone shows the failure.
        let _ = std::io::Write::write_all(
            &mut anstream::stderr(),
            format!("launcher: {}\n", failure.message).as_bytes(),
        );
        failure.exit_code
    })
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
    stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
