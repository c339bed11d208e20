//! The command line: raw arguments, then checked ones, then what they ask for. Exit codes: 0 consistent, 1 not or
//! failed, 2 wrong input or usage, 128 and its number after a signal.

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

/// Does what was asked; the exit code.
pub async fn execute(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Check(args) => check::check(&args),
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
