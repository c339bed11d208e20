//! The command line of `branchd`.

pub mod cert;
mod connect;
mod numbered;
mod start;
mod tls;
pub mod token;
mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use cert::CertArguments;
pub use connect::{ConnectArguments, ProofArguments, SecretArguments};
pub use numbered::NamedBranch;
pub use start::{ConfigError, StartArguments};
pub use tls::{TlsArguments, TlsArgumentsError};
pub use token::TokenArguments;
pub use verify::VerifyArguments;

use numbered::{any_address, named_branch};

/// The version, as `--version` prints it after the name of the program.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("PASSBOOK_COMMIT"), ")");

/// One branch of a Passbook bank. It keeps a full durable copy of the books and serves customers.
#[derive(Debug, Parser)]
#[command(version = VERSION, about, arg_required_else_help = true)]
pub struct Arguments {
    /// Format of the log lines on stderr. RUST_LOG filters them, for example RUST_LOG=branchd=debug.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text, for people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// What `branchd` does.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a branch.
    #[command(after_help = start::EXAMPLES)]
    Start(Box<StartArguments>),
    /// Found a bank on running branches that have no bank yet. Run it once, from any host.
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArguments),
    /// Let a running branch without a bank join a bank: in the place of a lost branch, or as an additional branch.
    #[command(after_help = JOIN_EXAMPLES)]
    Join(JoinArguments),
    /// Print the secret of a branch's bank, to copy it to another host; or make a secret for a new bank.
    #[command(after_help = SECRET_EXAMPLES)]
    Secret(BankSecretArguments),
    /// Make, list and revoke tokens, by which clients prove who they are.
    #[command(after_help = token::EXAMPLES)]
    Token(TokenArguments),
    /// Make, show, renew and revoke certificates: of the bank's authority, of branches, of clients.
    #[command(after_help = cert::EXAMPLES)]
    Cert(CertArguments),
    /// Make a learner a voter, once it has caught up. It can replace a voter that was removed, for example.
    #[command(after_help = PROMOTE_EXAMPLES)]
    Promote(MemberArguments),
    /// Remove a branch from its bank: a lost branch that is not replaced, or a branch that is not needed any more.
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(MemberArguments),
    /// Show the status of a branch, or of all branches of a bank: role, leader, position, disk, version.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArguments),
    /// Print every command that a branch has applied, in order, one line of JSON each.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArguments),
    /// Check the files of a branch that does not run: every page, row and record, and whether they fit together.
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArguments),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

const INIT_EXAMPLES: &str = "\
Examples:
  branchd init --branch 1=127.0.0.1:50001 --branch 2=127.0.0.1:50002 --branch 3=127.0.0.1:50003 --balance 0
  branchd init --branch 1=10.0.0.1:50001 --branch 2=10.0.0.2:50001 --branch 3=10.0.0.3:50001 --bank-file bank.json \
    --certs-dir certs                                  # certs has the key of a client with the role operator
  branchd init --branch 1=h1:50001,10.0.0.1:50101 --branch 2=h2:50001,10.0.0.2:50101 --branch 3=h3:50001,10.0.0.3:50101

The second address of a branch is that of its --listen-peer, at which the other branches reach it.";

const SECRET_EXAMPLES: &str = "\
Examples:
  branchd secret --new bank.secret                              # a secret for a new bank; copy the file to each host
  (umask 077; branchd secret --data d1 > bank.secret)           # the secret of the bank of the branch in d1
  branchd secret --data d1 | ssh HOST branchd start ... --secret-file -

Anyone who has the secret can change the bank. Handle it like a password.";

const JOIN_EXAMPLES: &str = "\
Examples:
  branchd join --branch 3=10.0.0.9:50001 --to 10.0.0.1:50001      # replaces branch 3, whose host is lost
  branchd join --branch 4=10.0.0.4:50001 --to 10.0.0.1:50001      # adds branch 4, which serves and does not vote
  branchd join --branch 4=h4:50001,10.0.0.4:50101 --to h1:50001   # the other branches reach it at the second address

The bank records the join and finishes it by itself. The command waits for that. It may be interrupted and run again.";

const PROMOTE_EXAMPLES: &str = "\
Examples:
  branchd promote 4 --to 10.0.0.1:50001

At most 5 branches vote. The bank records the promotion and finishes it by itself. The command waits for that.";

const REMOVE_EXAMPLES: &str = "\
Examples:
  branchd remove 3 --to 10.0.0.1:50001            # branch 3's host is lost for good
  branchd remove 4 --to 10.0.0.1:50001 --json

A removal is refused if too few of the remaining voters answer. A branch that leads hands the lead over first. A removed
branch that still runs serves no customer any more: stop it. A removal that was interrupted is finished by running the
command again.";

const STATUS_EXAMPLES: &str = "\
Examples:
  branchd status --bank bank.json                    # all branches, asked at once
  branchd status --branch 127.0.0.1:50002 --json     # one branch
  branchd status --bank bank.json --certs-dir certs  # branches with certificates

Branches that ask who calls tell their status to auditors and operators only.
A branch of --bank has 2 s to answer. The table shows for each branch how many commands it is behind the highest position,
the room that is free on its disk, and the room that its data takes.

Exit codes: 0 every branch answers as a branch of the bank, 1 a branch does not, 2 wrong flags or bank file.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  branchd export --branch 127.0.0.1:50002 > branch-2.jsonl      # a branch that runs
  branchd export --data d2 > branch-2.jsonl                     # the directory of a branch that does not run";

/// The arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The branch, or its data directory.
    #[command(flatten)]
    pub from: ExportFrom,
    /// How a branch that runs is connected to.
    #[command(flatten)]
    pub connect: ConnectArguments,
}

/// A branch that runs, or the data directory of a branch that does not run.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExportFrom {
    /// The branch to ask.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub branch: Option<String>,
    /// The data directory to read. No branch may run on it.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// The arguments of `secret`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct BankSecretArguments {
    /// Print the secret in this data directory.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Make a new secret and write it to this file, which only its owner can read. An existing file is not overwritten.
    #[arg(long, value_name = "FILE")]
    pub new: Option<PathBuf>,
}

/// The arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// A branch of the bank, its address, and its address for branches if it has one. Give it once for each branch.
    #[arg(long = "branch", value_name = "N=HOST:PORT[,HOST:PORT]", required = true, value_parser = named_branch)]
    pub branches: Vec<NamedBranch>,
    /// Opening balance of the account main, in minor units.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    pub balance: i64,
    /// How many branches vote on each write, 1 to 5. The branches with the lowest numbers vote. The default is 5
    /// voters, or 3 if the bank has 3 or 4 branches, or all branches of a smaller bank.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5))]
    pub voters: Option<u32>,
    /// Write the branches of the bank to this file, for customer-cli --bank.
    #[arg(long, value_name = "FILE")]
    pub bank_file: Option<PathBuf>,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// What proves that the bank may be changed.
    #[command(flatten)]
    pub proof: ProofArguments,
}

/// The arguments of `join`.
#[derive(Debug, Args)]
pub struct JoinArguments {
    /// The branch that joins, its address, and its address for branches if it has one. It must run on an empty data
    /// directory.
    #[arg(long, value_name = "N=HOST:PORT[,HOST:PORT]", value_parser = named_branch)]
    pub branch: NamedBranch,
    /// Any branch of the bank.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub to: String,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// What proves that the bank may be changed.
    #[command(flatten)]
    pub proof: ProofArguments,
}

/// The arguments of `promote` and `remove`, which change one member of the bank.
#[derive(Debug, Args)]
pub struct MemberArguments {
    /// Number of the branch.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub branch: u32,
    /// Any branch of the bank.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub to: String,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// What proves that the bank may be changed.
    #[command(flatten)]
    pub proof: ProofArguments,
}

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The branch, or the bank.
    #[command(flatten)]
    pub of: StatusOf,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// How the branches are connected to.
    #[command(flatten)]
    pub connect: ConnectArguments,
}

/// One branch, or all branches of a bank.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct StatusOf {
    /// The branch to ask.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub branch: Option<String>,
    /// The bank file, as `branchd init --bank-file` writes it. All branches of the bank are asked.
    #[arg(long, value_name = "FILE")]
    pub bank: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
