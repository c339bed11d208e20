//! The arguments of the commands for live banks, and the checked plan of `launcher up`.

use super::bank_dir::DEFAULT_DIR;
use super::error::LiveError;
use super::geography::Geography;
use super::naming::{BranchName, Ways};
use crate::duration;
use crate::input::{BRANCHES_MAX, Input};
use bank_cluster::{Ports, Programs};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

const UP_EXAMPLES: &str = "\
Examples:
  launcher up --branches 3 --balance 100
  launcher up inputs/three_customers.json --base-port auto
  launcher up                                  # start the same bank again, with its books

  launcher up --fresh                          # delete the bank and start over
  launcher up --geo eu,us,ap --branches 5      # branches that are far from each other
  launcher up --branches 3 --tls               # branches and customers with certificates
  launcher up --detach                         # in the background; launcher down stops it

It runs in the foreground. Ctrl-C, or `launcher down` from another shell, stops it; a second Ctrl-C stops it at once.
Exit codes: 0 stopped on request, 1 failed, 2 wrong input or usage, 130 after a second Ctrl-C.";

const STATUS_EXAMPLES: &str = "\
Examples:
  launcher status
  launcher status --json --dir outputs/other

Exit codes: 0 the bank runs, 1 it does not.";

const BRANCH_EXAMPLES: &str = "\
Examples:
  launcher kill leader
  launcher kill 1 2
  launcher restart 1 2
  launcher pause 3
  launcher resume 3
  launcher hold 3
  launcher heal 3

Several branches: either all that is asked can be done, or nothing is done.
Exit codes: 0 done, 1 cannot be done now, 2 there is no such branch.";

const WAYS_EXAMPLES: &str = "\
WAYS between branches: 2 (to and from branch 2), 1-3 (both ways between 1 and 3), '1>3' (from 1 to 3 only),
'all>3' (from all others to 3), '3>all' (from 3 to all others). Write the quotes where there is a >. Without them the
shell redirects the output into a file. The word leader stands for the number of the branch that leads now.

Examples:
  launcher cut 2
  launcher cut leader
  launcher cut 1-3
  launcher cut '1>3'
  launcher delay 3 50ms
  launcher delay --geo eu,us,ap                # branches in regions, in turn; --geo none ends it
  launcher heal '1>3'
  launcher heal                                # all ways

A later command about a way replaces an earlier one. Connections of customers are not affected.
Exit codes: 0 done, 1 cannot be done now, 2 there is no such branch.";

const LOGS_EXAMPLES: &str = "\
Examples:
  launcher logs 2
  launcher logs 2 --follow
  launcher logs                                # of a bank that was started with up --detach

Exit codes: 0 printed, 2 there is no such log.";

const DOWN_EXAMPLES: &str = "\
Examples:
  launcher down
  launcher down --dir outputs/other

Exit codes: 0 stopped, 1 no bank runs, or a branch had to be killed.";

/// Commands for live banks.
#[derive(Debug, Subcommand)]
pub enum LiveCommand {
    /// Start a bank, or the one in --dir again, and show its status until it is stopped
    #[command(after_help = UP_EXAMPLES)]
    Up(UpArgs),
    /// Print the log of a branch, or the events of a bank in the background
    ///
    /// The log has everything that the branch has written to stderr since its first start. Without a branch: the events
    /// that `launcher up --detach` has written.
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(LogsArgs),
    /// A request to a running bank
    #[command(flatten)]
    Ask(AskCommand),
}

/// Commands that ask a running bank from another shell.
#[derive(Debug, Subcommand)]
pub enum AskCommand {
    /// Show the status of the live bank: process, role, position, customers and address of each branch
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Kill branches of the live bank, as kill -9 does
    #[command(after_help = BRANCH_EXAMPLES)]
    Kill(BranchArgs),
    /// Start branches of the live bank again that have ended, with their data
    #[command(after_help = BRANCH_EXAMPLES)]
    Restart(BranchArgs),
    /// Pause the processes of branches: they keep their connections and do not answer
    #[command(after_help = BRANCH_EXAMPLES)]
    Pause(BranchArgs),
    /// Resume paused branches
    #[command(after_help = BRANCH_EXAMPLES)]
    Resume(BranchArgs),
    /// Hold what other branches send to these branches, until heal
    #[command(after_help = BRANCH_EXAMPLES)]
    Hold(BranchArgs),
    /// Cut connections between branches: of one branch, between two, or one way
    #[command(after_help = WAYS_EXAMPLES)]
    Cut(CutArgs),
    /// Delay what branches send to each other
    #[command(after_help = WAYS_EXAMPLES)]
    Delay(DelayArgs),
    /// End cut, delay and hold
    #[command(after_help = WAYS_EXAMPLES)]
    Heal(HealArgs),
    /// Stop the live bank and wait until it is down; its books and logs stay
    #[command(after_help = DOWN_EXAMPLES)]
    Down(DownArgs),
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Take branches and opening balance from this input file; its customers and faults are not run
    input: Option<PathBuf>,
    /// Start a new bank of branches 1 to N
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(1..=BRANCHES_MAX as i64))]
    branches: Option<u32>,
    /// Opening balance of the account `main` of a new bank [default: 0]
    #[arg(long, value_name = "M", conflicts_with = "input", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    balance: Option<i64>,
    /// Branch N listens on port BASE + N; auto: on any free port. An existing bank moves to these ports; with auto, it
    /// moves only if one of its ports is taken [default of a new bank: 50000]
    #[arg(long, value_name = "BASE|auto")]
    base_port: Option<Ports>,
    /// Give the branches of a new bank certificates, and make some for customers and operators. All connect by TLS then
    #[arg(long)]
    tls: bool,
    /// Place the branches in these regions, in turn: eu, us, ap. What branches of different regions send to each other
    /// takes 40 to 110 ms
    #[arg(long, value_name = "REGIONS")]
    geo: Option<Geography>,
    /// Delete the bank in the directory, with its books and logs, and start a new one. Asks first
    #[arg(long)]
    fresh: bool,
    /// Do not ask before --fresh deletes a bank
    #[arg(long, requires = "fresh")]
    yes: bool,
    /// Return once the bank is up, and leave it running in the background
    #[arg(long)]
    pub(super) detach: bool,
    /// Set by --detach for the launcher that runs the bank
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
    #[command(flatten)]
    dir: Dir,
}

/// Argument that names the bank.
#[derive(Debug, Args)]
pub(super) struct Dir {
    /// Directory of the bank
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    pub(super) dir: PathBuf,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Arguments of a command for branches.
#[derive(Debug, Args)]
pub struct BranchArgs {
    /// Numbers of branches; leader: the branch that leads now
    #[arg(value_name = "BRANCH", required = true)]
    pub(super) branches: Vec<BranchName>,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Arguments of `cut`.
#[derive(Debug, Args)]
pub struct CutArgs {
    /// Ways between branches: 2, leader, 1-3 or, in quotes, '1>3'
    // Not required, so that `ask` can explain what is missing: the shell takes an unquoted 1>3 as a redirection.
    #[arg(value_name = "WAYS")]
    pub(super) ways: Vec<Ways>,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Arguments of `delay`.
#[derive(Debug, Args)]
pub struct DelayArgs {
    /// Ways between branches: 2, leader, 1-3 or, in quotes, '1>3'
    #[arg(value_name = "WAYS", required_unless_present = "geo")]
    pub(super) ways: Option<Ways>,
    /// Delay, 1ms to 60s
    #[arg(value_name = "DURATION", required_unless_present = "geo", value_parser = duration::parse)]
    pub(super) by: Option<Duration>,
    /// Place the branches in these regions, in turn: eu, us, ap; none: at one place again
    #[arg(long, value_name = "REGIONS", conflicts_with_all = ["ways", "by"])]
    pub(super) geo: Option<Geography>,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Arguments of `heal`.
#[derive(Debug, Args)]
pub struct HealArgs {
    /// Ways between branches: 2, leader, 1-3 or, in quotes, '1>3' [default: all]
    #[arg(value_name = "WAYS")]
    pub(super) ways: Vec<Ways>,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Number of the branch [default: the launcher's own log]
    #[arg(value_name = "BRANCH", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) branch: Option<u32>,
    /// Print new lines as they come, until Ctrl-C
    #[arg(long, short)]
    pub(super) follow: bool,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Arguments of `down`.
#[derive(Debug, Args)]
pub struct DownArgs {
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Checked arguments of `launcher up`.
#[derive(Debug)]
pub(super) struct UpPlan {
    /// Directory of the bank.
    pub(super) dir: PathBuf,
    /// The requested bank. An existing bank has to match it.
    pub(super) requested: Requested,
    /// The programs to start.
    pub(super) programs: Programs,
    /// Regions of the branches.
    pub(super) geography: Option<Geography>,
    /// Whether an existing bank is deleted first.
    pub(super) fresh: bool,
    /// Whether it is deleted without a question.
    pub(super) yes: bool,
    /// Whether this launcher leaves the terminal once the bank is up.
    pub(super) detached: bool,
}

/// The requested bank. `None` means that the user did not say.
#[derive(Debug, Clone, Default)]
pub(super) struct Requested {
    /// Input file that names branches and balance. `None` if flags name them.
    pub(super) input: Option<PathBuf>,
    /// Numbers of the branches.
    pub(super) branches: Option<Vec<u32>>,
    /// Opening balance of `main`.
    pub(super) opening_balance: Option<i64>,
    /// Ports of the branches.
    pub(super) ports: Option<Ports>,
    /// Whether the branches have certificates. False if the user did not say.
    pub(super) tls: bool,
    /// Whether the input has customers, which `launcher up` does not run.
    pub(super) has_customers: bool,
}

impl Requested {
    /// The argument that requests a property, for messages: the path of the input, or else this flag.
    pub(super) fn named_by(&self, flag: &str) -> String {
        let input = self.input.as_ref().map(|path| path.display().to_string());
        input.unwrap_or_else(|| flag.to_owned())
    }
}

impl UpArgs {
    /// Reads the input, and checks everything that can be checked before a file or a process is created.
    pub(super) fn plan(self) -> Result<UpPlan, LiveError> {
        let requested = match self.input {
            Some(path) => {
                let input = Input::load(&path)?;
                Requested {
                    input: Some(path),
                    branches: Some(input.branches),
                    opening_balance: Some(input.script.opening_balance),
                    ports: self.base_port,
                    tls: self.tls,
                    has_customers: !input.script.visits.is_empty(),
                }
            }
            None => Requested {
                input: None,
                branches: self.branches.map(|last| (1..=last).collect()),
                opening_balance: self.balance,
                ports: self.base_port,
                tls: self.tls,
                has_customers: false,
            },
        };
        Ok(UpPlan {
            dir: self.dir.dir,
            requested,
            programs: Programs::beside_this_one()?,
            geography: self.geo,
            fresh: self.fresh,
            yes: self.yes,
            detached: self.detached,
        })
    }
}
