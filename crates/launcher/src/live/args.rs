//! What was typed, and what it asks for once it is checked.

use super::bank_dir::DEFAULT_DIR;
use super::error::LiveError;
use crate::duration;
use crate::input::{BRANCHES_MAX, Input};
use bank_cluster::network::LinkSet;
use bank_cluster::{Ports, Programs};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

const UP_EXAMPLES: &str = "\
Examples:
  launcher up --branches 3 --balance 100
  launcher up inputs/three_customers.json --base-port auto
  launcher up                                  # the same bank again, with its books

It stays in the foreground. Ctrl-C, or `launcher down` from another shell, stops it; a second Ctrl-C does so at once.
Exit codes: 0 stopped as told, 1 failed, 2 wrong input or usage, 130 after a second Ctrl-C.";

const STATUS_EXAMPLES: &str = "\
Examples:
  launcher status
  launcher status --json --dir outputs/other

Exit codes: 0 the bank runs, 1 it does not.";

const BRANCH_EXAMPLES: &str = "\
Examples:
  launcher kill 2
  launcher restart 2
  launcher pause 3
  launcher resume 3
  launcher hold 3
  launcher heal 3

Exit codes: 0 done, 1 cannot be done now, 2 there is no such branch.";

const WAYS_EXAMPLES: &str = "\
Ways between branches: 2 (all that goes to and from branch 2), 1-3 (both ways between two), '1>3' (from 1 to 3 only),
'all>3' (from all others to 3), '3>all' (from 3 to all others). Those with > need their quotes: without them the shell
takes what follows for the name of a file to write to.

Examples:
  launcher cut 2
  launcher cut 1-3
  launcher cut '1>3'
  launcher delay 3 50ms
  launcher heal '1>3'
  launcher heal                                # everything

Of what is said about one way, the last word counts. Customers reach every branch all the same.
Exit codes: 0 done, 1 cannot be done now, 2 there is no such branch.";

const DOWN_EXAMPLES: &str = "\
Examples:
  launcher down
  launcher down --dir outputs/other

Exit codes: 0 stopped as told, 1 no bank runs, or a branch had to be killed.";

/// What there is to do with a live bank.
#[derive(Debug, Subcommand)]
pub enum LiveCommand {
    /// Start a bank that stays, or find the one in --dir again; show how it is until it is stopped
    #[command(after_help = UP_EXAMPLES)]
    Up(UpArgs),
    /// What other shells ask
    #[command(flatten)]
    Ask(AskCommand),
}

/// What is asked of one that runs, from another shell.
#[derive(Debug, Subcommand)]
pub enum AskCommand {
    /// Show how the live bank is: each branch's process, role, position, customers and address
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Kill a branch of the live bank, as kill -9 does
    #[command(after_help = BRANCH_EXAMPLES)]
    Kill(BranchArgs),
    /// Start a branch of the live bank that has ended, on its own data
    #[command(after_help = BRANCH_EXAMPLES)]
    Restart(BranchArgs),
    /// Stop a branch's process in its tracks: it keeps its connections and answers nothing
    #[command(after_help = BRANCH_EXAMPLES)]
    Pause(BranchArgs),
    /// Let a paused branch go on
    #[command(after_help = BRANCH_EXAMPLES)]
    Resume(BranchArgs),
    /// Keep back what branches send to this one, until it is healed
    #[command(after_help = BRANCH_EXAMPLES)]
    Hold(BranchArgs),
    /// Let nothing pass between branches: around one, between two, or one way
    #[command(after_help = WAYS_EXAMPLES)]
    Cut(CutArgs),
    /// Let what goes between branches arrive later
    #[command(after_help = WAYS_EXAMPLES)]
    Delay(DelayArgs),
    /// Let everything pass again what was cut, delayed or held
    #[command(after_help = WAYS_EXAMPLES)]
    Heal(HealArgs),
    /// Stop the live bank, and wait until that is done; its books and logs stay
    #[command(after_help = DOWN_EXAMPLES)]
    Down(DownArgs),
}

/// Of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Take branches and balance from this input; its customers and faults are not run
    input: Option<PathBuf>,
    /// Start a new bank of branches 1 to N
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(1..=BRANCHES_MAX as i64))]
    branches: Option<u32>,
    /// What the account `main` of a new bank opens with [default: 0]
    #[arg(long, value_name = "M", conflicts_with = "input", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    balance: Option<i64>,
    /// Branch N of a new bank listens on this port and N; auto: on any free one [default: 50000]
    #[arg(long, value_name = "N|auto")]
    base_port: Option<Ports>,
    #[command(flatten)]
    dir: Dir,
}

/// Which bank.
#[derive(Debug, Args)]
pub(super) struct Dir {
    /// The bank's directory
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    pub(super) dir: PathBuf,
}

/// Of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Of a verb that names a branch.
#[derive(Debug, Args)]
pub struct BranchArgs {
    /// The branch's number
    #[arg(value_name = "BRANCH", value_parser = branch_number)]
    pub(super) branch: u32,
    #[command(flatten)]
    pub(super) dir: Dir,
}

fn branch_number(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "write the number of a branch, such as 2".to_owned())
}

/// Of `cut`.
#[derive(Debug, Args)]
pub struct CutArgs {
    /// Which ways: 2, 1-3 or, in quotes, '1>3'
    // Optional, so that its absence is explained in `ask`: unquoted, 1>3 is no argument but a redirection.
    #[arg(value_name = "WAYS")]
    pub(super) links: Option<LinkSet>,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Of `delay`.
#[derive(Debug, Args)]
pub struct DelayArgs {
    /// Which ways: 2, 1-3 or, in quotes, '1>3'
    #[arg(value_name = "WAYS")]
    pub(super) links: LinkSet,
    /// By how much, 1ms to 60s
    #[arg(value_name = "DURATION", value_parser = duration::parse)]
    pub(super) by: Duration,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Of `heal`.
#[derive(Debug, Args)]
pub struct HealArgs {
    /// Which ways: 2, 1-3 or, in quotes, '1>3' [default: all]
    #[arg(value_name = "WAYS")]
    pub(super) links: Option<LinkSet>,
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Of `down`.
#[derive(Debug, Args)]
pub struct DownArgs {
    #[command(flatten)]
    pub(super) dir: Dir,
}

/// Everything that a live bank is asked to be.
#[derive(Debug)]
pub(super) struct UpPlan {
    /// Where it keeps its files.
    pub(super) dir: PathBuf,
    /// What was asked for; a bank that is there has to be that.
    pub(super) wanted: Wanted,
    /// What to start.
    pub(super) programs: Programs,
}

/// What was asked for, and in which words.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The input that asks for branches and balance. None: flags do.
    pub(super) input: Option<PathBuf>,
    /// The branches' numbers.
    pub(super) branches: Option<Vec<u32>>,
    /// What `main` opens with.
    pub(super) opening_balance: Option<i64>,
    /// Where branches listen.
    pub(super) ports: Option<Ports>,
    /// The input has customers, who are not run.
    pub(super) has_customers: bool,
}

impl Wanted {
    /// What asks for this, as it was typed: the flag, or the input.
    pub(super) fn by(&self, flag: &str) -> String {
        let input = self.input.as_ref().map(|path| path.display().to_string());
        input.unwrap_or_else(|| flag.to_owned())
    }
}

impl UpArgs {
    /// Reads the input and checks all that can be checked before anything is made.
    pub(super) fn plan(self) -> Result<UpPlan, LiveError> {
        let wanted = match self.input {
            Some(path) => {
                let input = Input::load(&path)?;
                Wanted {
                    input: Some(path),
                    branches: Some(input.branches),
                    opening_balance: Some(input.script.opening_balance),
                    ports: self.base_port,
                    has_customers: !input.script.visits.is_empty(),
                }
            }
            None => Wanted {
                input: None,
                branches: self.branches.map(|last| (1..=last).collect()),
                opening_balance: self.balance,
                ports: self.base_port,
                has_customers: false,
            },
        };
        Ok(UpPlan {
            dir: self.dir.dir,
            wanted,
            programs: Programs::beside_this_one()?,
        })
    }
}
