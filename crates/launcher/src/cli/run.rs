//! `launcher run`: runs an input, writes its output and report, and judges it.

use super::args::{command_line, mode};
use super::failure::Failure;
use crate::duration;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::live;
use crate::output::{Format, OutputFile};
use crate::run::execution::{self, RunError, RunPlan};
use crate::run::open_files;
use crate::terminal::progress::Progress;
use crate::terminal::{stderr, stdout};
use crate::verdict::report::RunReport;
use crate::verdict::{json, text};
use bank_client::{Level, Propagation};
use bank_cluster::{Ports, Programs, election_timeout};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `launcher run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Input file: branches, customers and faults in JSON (docs/INPUT.md). A pipe is read to its end; -: stdin
    input: PathBuf,
    /// File for the output. -: stdout; the report, also that of --json, then goes to stderr
    #[arg(long, value_name = "FILE", default_value = "outputs/output.json")]
    output: PathBuf,
    /// Form of the output: an entry for each event, one for each listing of a customer, or each customer's last balance
    #[arg(long, value_enum, default_value_t = Format::Events)]
    output_format: Format,
    /// Branch N listens on port BASE + N; auto: on any free port
    #[arg(long, value_name = "BASE|auto", default_value = "50000")]
    base_port: Ports,
    /// Run all customers at once, instead of one after the other in the order of the input
    #[arg(long)]
    concurrent: bool,
    /// Consistency level of reads: eventual, read-your-writes, monotonic-reads, session or strong
    #[arg(long, default_value = "session", value_parser = clap::builder::PossibleValuesParser::new(Level::ALL.map(Level::as_str)))]
    level: String,
    /// Branches that a write waits for: a quorum, or all
    #[arg(long, default_value = "quorum", value_parser = clap::builder::PossibleValuesParser::new(Propagation::ALL.map(Propagation::as_str)))]
    propagation: String,
    /// Number of branches that vote, 1 to 5 [default: the bank decides]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5))]
    voters: Option<u32>,
    /// Give the branches and the customers certificates. All of them connect by TLS then
    #[arg(long)]
    tls: bool,
    /// Start the bank again after the run, as a live bank in the background, and print how to use and stop it
    #[arg(long)]
    keep: bool,
    /// Keep the data directories of the branches. They are kept too unless the run is consistent, and with --keep
    #[arg(long)]
    keep_data: bool,
    /// Run folder, new or empty [default: a new one in outputs/]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Deadline of each event, such as 10s or 500ms
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse_flag)]
    timeout: Duration,
    /// Print the whole table of checks, the phases of the run and its faults
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Failure {
            exit: error.exit(),
            message: error.to_string(),
        }
    }
}

impl RunArgs {
    /// Reads the input, and checks everything that can be checked before a file or a process is created.
    fn plan(self) -> Result<RunPlan, Failure> {
        let input_text = input::read_text(&self.input).map_err(Failure::usage)?;
        let input = Input::parse(&self.input, &input_text).map_err(Failure::usage)?;
        self.base_port.chosen(&input.branches).map_err(Failure::usage)?;
        let voters = self.voters.unwrap_or(0);
        if voters as usize > input.branches.len() {
            return Err(Failure::usage(format!(
                "--voters {voters}: no more can vote than there are branches, and the input has {}",
                input.branches.len()
            )));
        }
        let programs = Programs::beside_this_one().map_err(Failure::not_finished)?;
        Ok(RunPlan {
            election_timeout: election_timeout(input.branches.len()),
            input,
            input_name: input::short_name(&self.input),
            flags: command_line(),
            input_text,
            ports: self.base_port,
            mode: mode(self.concurrent),
            level: self.level.parse().map_err(Failure::usage)?,
            propagation: self.propagation.parse().map_err(Failure::usage)?,
            voters,
            tls: self.tls,
            keep: self.keep,
            dir: self.dir,
            timeout: self.timeout,
            programs,
        })
    }
}

/// Runs the input, writes the output and the report, and prints the report. Returns the exit code.
pub(super) async fn run(args: RunArgs) -> Result<Exit, Failure> {
    let verbose = args.verbose;
    let (as_json, format, output) = (args.json, args.output_format, args.output.clone());
    let (input, keep_data) = (args.input.clone(), args.keep_data || args.keep);
    let plan = args.plan()?;
    let progress = if as_json {
        Progress::hidden()
    } else {
        Progress::on_stderr()
    };
    // Checked before a folder is created or a process is started.
    plan.ports.check(&plan.input.branches).await.map_err(RunError::from)?;
    open_files::check(&plan.input, plan.mode).map_err(RunError::from)?;
    let reads = [&input, &plan.programs.branchd, &plan.programs.customer_cli].map(PathBuf::as_path);
    let file = OutputFile::prepare(&output, &reads, plan.dir.as_deref()).map_err(Failure::usage)?;
    let ran = execution::run(&plan, &progress).await?;
    let mut report = RunReport::write(&plan, ran, &file, format).map_err(Failure::not_finished)?;
    let kept = match plan.keep {
        true => live::keep(report.folder.path()).await.map(|()| report.kept = true),
        false => Ok(()),
    };
    let mut text = if as_json {
        json::run_json(&plan, &output, &report)
    } else {
        text::run_text(&plan, &output, &report, verbose)
    };
    if report.kept && !as_json {
        text += &live::kept_text(&plan.programs, report.folder.path());
    }
    match file {
        OutputFile::Stdout => stderr::print(&text)?,
        OutputFile::File(_) => stdout::print(&text)?,
    }
    kept?;
    let exit = report.verdict.exit();
    if exit == Exit::Done && !keep_data {
        report
            .folder
            .remove_data(&plan.input.branches)
            .map_err(Failure::not_finished)?;
    }
    Ok(exit)
}
