//! The command line of `branchd`, and its conversion to a [`Config`].

pub mod cert;
mod connect;
mod tls;
pub mod token;
mod verify;

use std::path::PathBuf;
use std::time::Duration;

use bank_auth::Secret;
use bank_types::parse_duration_or_seconds;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use cert::CertArguments;
pub use connect::{ConnectArguments, ProofArguments, SecretArguments};
pub use tls::{TlsArguments, TlsArgumentsError};
pub use token::TokenArguments;
pub use verify::VerifyArguments;

use crate::address;
use crate::callers::{CONNECTIONS_MAX, CONNECTIONS_MIN};
use crate::config::{Config, Timing};
use crate::directory::secret::SecretSource;

/// The shortest election timeout. Below it, the pauses of a busy laptop look like a lost leader.
const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(50);
/// The longest election timeout. Customers do not wait longer for a new leader.
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The limits that `--max-connections` accepts.
const CONNECTIONS: std::ops::RangeInclusive<i64> = CONNECTIONS_MIN as i64..=CONNECTIONS_MAX as i64;
/// The default of `--checkpoint-entries`: some seconds of a busy bank, and a few MiB of journal.
const CHECKPOINT_ENTRIES: u64 = 8192;

/// The default of `--scrub-rows-per-second`. It takes a few percent of one core while a round lasts.
const SCRUB_ROWS: u32 = 5_000;

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
    #[command(after_help = START_EXAMPLES)]
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

const START_EXAMPLES: &str = "\
Examples:
  branchd start --id 1 --listen 127.0.0.1:50001 --data d1
  RUST_LOG=debug branchd start --id 2 --listen 10.0.0.2:50001 --insecure --data /var/lib/passbook --log-format json \
    --secret-file bank.secret
  branchd start --id 3 --listen 203.0.113.3:50001 --listen-peer 10.0.0.3:50101 --insecure --data d3 --secret-file bank.secret

Branches prove to each other that they have the secret of the bank. A branch copies the secret to its data directory when it
is first started. If a new branch listens on this host only, it takes the secret from bank.secret beside its data directory,
and makes that file if it is missing. If a new branch listens beyond this host, it needs --secret-file.

A branch without a bank waits for `branchd init`. A branch with a bank takes part at once. On SIGTERM or Ctrl-C, a branch
finishes the calls in progress, hands the lead over, and exits 0.";

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

/// The arguments of `start`.
#[derive(Debug, Args)]
pub struct StartArguments {
    /// Number of the branch in its bank, at least 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "BRANCHD_ID")]
    pub id: u32,
    /// Address on which customers and the other branches reach the branch. Port 0 takes any free port.
    #[arg(long, value_name = "HOST:PORT", env = "BRANCHD_LISTEN")]
    pub listen: String,
    /// Address on which only the other branches reach the branch. Then no branch reaches it at --listen, and that port
    /// may be open to a network while this one is not.
    #[arg(long, value_name = "HOST:PORT", env = "BRANCHD_LISTEN_PEER")]
    pub listen_peer: Option<String>,
    /// Data directory of the branch. It is made if it is missing.
    #[arg(long, value_name = "DIR", env = "BRANCHD_DATA")]
    pub data: PathBuf,
    /// File with the secret of the bank, for a branch that has no secret in its data directory yet. `-` reads the first
    /// line of stdin. The default is bank.secret beside the data directory, if the branch listens on this host only.
    #[arg(long, value_name = "FILE", env = "PASSBOOK_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
    /// How long a voter waits without news from a leader before it stands for election. The voter waits a random time
    /// between this and twice this. Raise it on busy hosts and on slow networks: a round trip must fit into a third of
    /// it.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration, env = "BRANCHD_ELECTION_TIMEOUT")]
    pub election_timeout: Duration,
    /// Allow addresses beyond this host without certificates. Nothing is encrypted then, so use it only on a private network
    /// or through a tunnel.
    #[arg(long, env = "BRANCHD_INSECURE")]
    pub insecure: bool,
    /// The certificates of the branch.
    #[command(flatten)]
    pub tls: TlsArguments,
    /// File with the tokens of clients, as `branchd token` makes it. Each client must then prove who it is, by a token or
    /// a certificate. A changed file is taken up within a second.
    #[arg(long, value_name = "FILE", env = "BRANCHD_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Reach branch N at this address instead of its address for branches in the bank, for example through a tunnel. May
    /// be repeated.
    #[arg(long, value_name = "N=HOST:PORT", value_parser = numbered_address)]
    pub via: Vec<(u32, String)>,
    /// Accept a data directory that was moved here. Use it only if no branch has run on the directory, or on another
    /// copy of it, since then: a branch on an old copy has forgotten what it acknowledged, and can undo acknowledged
    /// writes.
    #[arg(long)]
    pub accept_moved: bool,
    /// How many connections of customers, operators and branches may be open together. The limit on open files may
    /// allow fewer. Some of them are reserved for branches and operators.
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS_MAX, value_parser = clap::value_parser!(u32).range(CONNECTIONS), env = "BRANCHD_MAX_CONNECTIONS")]
    pub max_connections: u32,
    /// How many connections of customers may be open from one IPv4 address, or from one /64 network of IPv6. The default
    /// is a quarter of the customers' places, and no limit for connections from this host, where all customers have the
    /// same address. A given number holds for this host too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "BRANCHD_MAX_CONNECTIONS_PER_ADDRESS")]
    pub max_connections_per_address: Option<u32>,
    /// Advanced. After this many journal entries, the books are forced to the disk and older journal entries are
    /// deleted, except for this many. A small number saves disk space. With a large number, a branch can be away for
    /// longer before it needs a copy of all books.
    #[arg(long, value_name = "N", default_value_t = CHECKPOINT_ENTRIES, value_parser = clap::value_parser!(u64).range(64..=1_048_576))]
    pub checkpoint_entries: u64,
    /// How many rows of the books are read and checked in a second, in the background. 0 checks none. A round begins ten
    /// minutes after the end of the round before.
    #[arg(long, value_name = "N", default_value_t = SCRUB_ROWS, value_parser = clap::value_parser!(u32).range(0..=10_000_000), env = "BRANCHD_SCRUB_ROWS_PER_SECOND")]
    pub scrub_rows_per_second: u32,
    /// Number of threads that serve calls. One is fastest on a laptop. More help a busy branch on a large host.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Once the branch listens, print one line on stdout:
    /// {"branch":1,"address":"127.0.0.1:50001","peer_address":null,"pid":4711,"bank_id":null}
    #[arg(long)]
    pub announce: bool,
    /// Stop when stdin ends, which happens when the process at the other end of the pipe ends. The lead is not handed
    /// over.
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// The bug to plant.
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_enum, value_name = "BUG")]
    pub planted: Option<crate::planted::Bug>,
}

/// A branch on the command line, with the addresses at which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBranch {
    /// Number of the branch.
    pub branch: u32,
    /// Where customers and operators reach it.
    pub address: String,
    /// Where the other branches reach it. `None`: at `address` too.
    pub peer_address: Option<String>,
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

/// Why the arguments of `start` are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An address is malformed, or is beyond this host without certificates and without `--insecure`.
    #[error(transparent)]
    Address(#[from] address::AddressError),
    /// The flags for certificates do not fit together.
    #[error(transparent)]
    Tls(#[from] TlsArgumentsError),
}

impl StartArguments {
    /// Checks the arguments together. `given` is the secret in the file that the command line names, if it names one.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn config(&self, given: Option<Secret>) -> Result<Config, ConfigError> {
        let tls = self.tls.config(self.id, self.insecure)?;
        let beyond = self.insecure || tls.is_some();
        let mut listen = std::iter::once(&self.listen).chain(&self.listen_peer);
        let beyond_this_host = listen.clone().any(|address| address::check(address, false).is_err());
        let secret = match (given, &self.secret_file) {
            (Some(secret), Some(file)) => SecretSource::Given {
                secret,
                from: file.display().to_string(),
            },
            _ if beyond_this_host => SecretSource::Nowhere,
            _ => SecretSource::Beside,
        };
        listen.try_for_each(|address| address::check(address, beyond))?;
        for (_, address) in &self.via {
            address::check(address, beyond)?;
        }
        Ok(Config {
            branch: self.id,
            data: self.data.clone(),
            secret,
            timing: Timing {
                election_timeout: self.election_timeout,
            },
            insecure: self.insecure,
            via: self.via.iter().cloned().collect(),
            accept_moved: self.accept_moved,
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            hand_over: !self.stop_with_stdin,
            checkpoint_entries: self.checkpoint_entries,
            scrub_rows_per_second: self.scrub_rows_per_second,
            client_cert_auth: tls.as_ref().is_some_and(|(_, demanded)| *demanded),
            tls: tls.map(|(tls, _)| tls),
            token_file: self.token_file.clone(),
        })
    }
}

fn any_address(text: &str) -> Result<String, address::AddressError> {
    address::check(text, true).map(|()| text.to_owned())
}

fn numbered_address(text: &str) -> Result<(u32, String), String> {
    let malformed = || format!("{text:?} is not a branch: give N=HOST:PORT, for example 1=127.0.0.1:50001");
    let (number, address) = text.split_once('=').ok_or_else(malformed)?;
    let number: u32 = number.parse().map_err(|_| malformed())?;
    if number == 0 {
        return Err("a branch has the number 0: numbers begin at 1".to_owned());
    }
    any_address(address)
        .map(|address| (number, address))
        .map_err(|error| error.to_string())
}

fn named_branch(text: &str) -> Result<NamedBranch, String> {
    let (addresses, for_branches) = match text.split_once(',') {
        Some((addresses, for_branches)) => (addresses, Some(for_branches)),
        None => (text, None),
    };
    let (branch, address) = numbered_address(addresses)?;
    let for_branches = for_branches.map(|text| {
        any_address(text).map_err(|error| {
            format!(
                "{error}: after the comma comes the address for branches, for example {branch}={address},10.0.0.1:50101"
            )
        })
    });
    let peer_address = for_branches.transpose()?.filter(|own| *own != address);
    Ok(NamedBranch {
        branch,
        address,
        peer_address,
    })
}

/// Reads an election timeout such as `500ms` or `2s`. Without a unit, seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration_or_seconds(text)
        .ok_or_else(|| format!("{text:?} is not a duration: give for example 500ms or 2s"))?;
    if (ELECTION_TIMEOUT_MIN..=ELECTION_TIMEOUT_MAX).contains(&duration) {
        return Ok(duration);
    }
    Err(format!(
        "{text} is out of range: give {ELECTION_TIMEOUT_MIN:?} to {ELECTION_TIMEOUT_MAX:?}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_are_checked() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        for bad in ["", "ms", "-5s", "1.5s", "1h", "10ms", "61s", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_address_for_branches_comes_after_a_comma() {
        let named = |peer_address: Option<&str>| NamedBranch {
            branch: 3,
            address: "h:1".to_owned(),
            peer_address: peer_address.map(str::to_owned),
        };
        assert_eq!(named_branch("3=h:1"), Ok(named(None)));
        assert_eq!(named_branch("3=h:1,p:2"), Ok(named(Some("p:2"))));
        assert_eq!(named_branch("3=h:1,h:1"), Ok(named(None)));
        for bad in ["3=h:1,", "3=h:1,p", "3=,p:2", "3=h:1,p:2,q:3", "3=h:1,4=p:2"] {
            assert!(named_branch(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn both_listeners_are_checked() {
        let config = |listeners: &[&str]| {
            let line = ["branchd", "start", "--id", "1", "--data", "d"].iter().chain(listeners);
            let Verb::Start(start) = Arguments::parse_from(line).verb else {
                panic!("start")
            };
            start.config(None).map(drop)
        };
        let (here, there) = ("127.0.0.1:50001", "10.0.0.1:50101");
        assert_eq!(config(&["--listen", here, "--listen-peer", "127.0.0.1:50101"]), Ok(()));
        let beyond = Err(address::AddressError::BeyondThisHost(there.to_owned()).into());
        assert_eq!(config(&["--listen", here, "--listen-peer", there]), beyond);
        assert_eq!(config(&["--listen", there, "--listen-peer", here]), beyond);
        assert_eq!(
            config(&["--listen", here, "--listen-peer", there, "--insecure"]),
            Ok(())
        );
    }

    #[test]
    fn numbered_addresses_are_checked() {
        assert_eq!(numbered_address("3=h:1"), Ok((3, "h:1".to_owned())));
        for bad in ["", "3", "=h:1", "0=h:1", "-1=h:1", "3=h", "x=h:1", "99999999999=h:1"] {
            assert!(numbered_address(bad).is_err(), "{bad:?}");
        }
    }
}
