//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bank_auth::Secret;
use bank_types::parse_duration;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::address;
use crate::callers::{CONNECTIONS_MAX, CONNECTIONS_MIN};
use crate::config::{Config, Timing};
use crate::directory::secret::{BANK_SECRET_FILE, SecretSource};

/// Below this, a busy laptop's own pauses look like a lost leader.
const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(50);
/// Above this, nobody waits for a new leader any more.
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// How many connections may be allowed.
const CONNECTIONS: std::ops::RangeInclusive<i64> = CONNECTIONS_MIN as i64..=CONNECTIONS_MAX as i64;
/// Seconds of a busy bank, and a few MiB of journal.
const CHECKPOINT_ENTRIES: u64 = 8192;

/// One branch of a Passbook bank: a full durable copy of the books, and a counter for customers.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Arguments {
    /// How log lines look on stderr. RUST_LOG says which there are (`RUST_LOG=branchd=debug`, say).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a branch.
    #[command(after_help = START_EXAMPLES)]
    Start(StartArguments),
    /// Found a bank on branches that run and have none: once, from anywhere.
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArguments),
    /// Make a branch that runs and has no bank one of a bank's: in the place of a lost one, or as a further one.
    #[command(after_help = JOIN_EXAMPLES)]
    Join(JoinArguments),
    /// Print the secret of a branch's bank, to carry it to a further host; or make one for a new bank.
    #[command(after_help = TOKEN_EXAMPLES)]
    Token(TokenArguments),
    /// Make a branch that learns a voter, once it has caught up: in the place of one that was removed, say.
    #[command(after_help = PROMOTE_EXAMPLES)]
    Promote(MemberArguments),
    /// Take a branch out of its bank: a lost one that gets no successor, or one too many.
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(MemberArguments),
    /// Show how a branch is: its bank, role, leader, position and fellow branches.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArguments),
    /// Print all that a branch has applied, a line of JSON each, in order.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArguments),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

const START_EXAMPLES: &str = "\
Examples:
  branchd start --id 1 --listen 127.0.0.1:50001 --data d1
  RUST_LOG=debug branchd start --id 2 --listen 10.0.0.2:50001 --insecure --data /var/lib/passbook --log-format json \
    --secret-file bank.secret

Branches know each other by the secret of their bank. A branch keeps it in its data directory once it has it. A new one on
this host takes it from bank.secret beside its data directory, and makes that file where there is none; a new one that
listens beyond this host needs --secret-file.

A branch that has no bank waits for `branchd init`; one that has takes part at once. SIGTERM and Ctrl-C finish what is
under way, hand the lead over, and exit 0.";

const INIT_EXAMPLES: &str = "\
Examples:
  branchd init --branch 1=127.0.0.1:50001 --branch 2=127.0.0.1:50002 --branch 3=127.0.0.1:50003 --balance 0
  branchd init --branch 1=10.0.0.1:50001 --branch 2=10.0.0.2:50001 --branch 3=10.0.0.3:50001 --bank-file bank.json";

const TOKEN_EXAMPLES: &str = "\
Examples:
  branchd token --new bank.secret                               # a secret for a new bank; copy the file to each host
  (umask 077; branchd token --data d1 > bank.secret)            # the secret of the bank that d1 is a branch of
  branchd token --data d1 | ssh HOST branchd start ... --secret-file -

Whoever has the secret can change the bank as a branch can. Carry it as you would a password.";

const JOIN_EXAMPLES: &str = "\
Examples:
  branchd join --branch 3=10.0.0.9:50001 --to 10.0.0.1:50001      # branch 3's host is lost; this is its successor
  branchd join --branch 4=10.0.0.4:50001 --to 10.0.0.1:50001      # a further branch: it learns, and serves

The bank records the join and carries it on by itself. This command waits for it; it may be cut short and run again.";

const PROMOTE_EXAMPLES: &str = "\
Examples:
  branchd promote 4 --to 10.0.0.1:50001

Up to 5 branches vote. The bank records the promotion and carries it on by itself; the command waits for it.";

const REMOVE_EXAMPLES: &str = "\
Examples:
  branchd remove 3 --to 10.0.0.1:50001            # branch 3's host is lost for good
  branchd remove 4 --to 10.0.0.1:50001 --json

It is refused where too few of the voters that are left answer. A branch that leads hands the lead over first. Stop a branch
that still runs afterwards: it serves no customer any more. Running the command again finishes one that was cut short.";

const STATUS_EXAMPLES: &str = "\
Examples:
  branchd status --branch 127.0.0.1:50002
  branchd status --branch 127.0.0.1:50002 --json";

const EXPORT_EXAMPLES: &str = "\
Examples:
  branchd export --branch 127.0.0.1:50002 > branch-2.jsonl      # of a branch that runs
  branchd export --data d2 > branch-2.jsonl                     # of the directory of one that does not";

/// Of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Where the journal comes from.
    #[command(flatten)]
    pub from: ExportFrom,
}

/// A branch that runs, or the directory of one that does not.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExportFrom {
    /// The branch to ask.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub branch: Option<String>,
    /// The data directory to read; no branch may be running on it.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Of `start`.
#[derive(Debug, Args)]
pub struct StartArguments {
    /// The number of the branch in its bank, at least 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "BRANCHD_ID")]
    pub id: u32,
    /// Where customers and the other branches reach it. Port 0: any free one.
    #[arg(long, value_name = "HOST:PORT", env = "BRANCHD_LISTEN")]
    pub listen: String,
    /// Its data directory; made where it is missing.
    #[arg(long, value_name = "DIR", env = "BRANCHD_DATA")]
    pub data: PathBuf,
    /// The file with the secret of the bank, for a branch that has none in its data directory yet; `-`: the first line of
    /// stdin. By default bank.secret beside the data directory, for a branch that listens on this host only.
    #[arg(long, value_name = "FILE", env = "PASSBOOK_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
    /// How long a voter hears nothing of a leader, at the least, before it stands for election (at the most, twice
    /// that). Raise it on slow networks, whose round trips have to fit into a third of it, and on busy hosts.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration, env = "BRANCHD_ELECTION_TIMEOUT")]
    pub election_timeout: Duration,
    /// Speak in the clear beyond this host: for a private network, or under a tunnel.
    #[arg(long, env = "BRANCHD_INSECURE")]
    pub insecure: bool,
    /// Reach branch N at this address instead of the one that the bank knows, through a tunnel say; once for each.
    #[arg(long, value_name = "N=HOST:PORT", value_parser = numbered_address)]
    pub via: Vec<(u32, String)>,
    /// Take a data directory that was moved here. Only where nothing has run on it since, here or there: a branch on an old
    /// copy has forgotten what it promised, and can undo acknowledged writes.
    #[arg(long)]
    pub accept_moved: bool,
    /// Connections that may be open at once, of customers, operators and branches together. The limit of open files may
    /// allow fewer. A part is kept for branches and operators.
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS_MAX, value_parser = clap::value_parser!(u32).range(CONNECTIONS), env = "BRANCHD_MAX_CONNECTIONS")]
    pub max_connections: u32,
    /// Advanced. After so many journal entries the books are forced to the disk, and the journal before them may go, but for
    /// as many entries again. Fewer take up less disk; with more, a branch may be away for longer before it needs a whole copy
    /// of the books.
    #[arg(long, value_name = "N", default_value_t = CHECKPOINT_ENTRIES, value_parser = clap::value_parser!(u64).range(64..=1_048_576))]
    pub checkpoint_entries: u64,
    /// Threads that serve. One is fastest on a laptop; more help a busy branch on a large host.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Once it listens, print one line on stdout: {"branch":1,"address":"127.0.0.1:50001","pid":4711,"bank_id":null}
    #[arg(long)]
    pub announce: bool,
    /// Stop when stdin ends, as it does when the process that holds its other end is gone. The lead is not handed over.
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// What is to be wrong with it.
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_enum, value_name = "BUG")]
    pub planted: Option<crate::planted::Bug>,
}

/// Of verbs that change a bank.
#[derive(Debug, Args)]
pub struct SecretArguments {
    /// The file with the secret of the bank; `-`: the first line of stdin.
    #[arg(long, value_name = "FILE", default_value = BANK_SECRET_FILE, env = "PASSBOOK_SECRET_FILE")]
    pub secret_file: PathBuf,
}

/// Of `token`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct TokenArguments {
    /// Print the secret in this data directory.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Make a new secret in this file, which only its owner can read. A file that is there is not overwritten.
    #[arg(long, value_name = "FILE")]
    pub new: Option<PathBuf>,
}

/// Of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// A branch of the bank and where it is reached; once for each.
    #[arg(long = "branch", value_name = "N=HOST:PORT", required = true, value_parser = numbered_address)]
    pub branches: Vec<(u32, String)>,
    /// What the account `main` opens with, in minor units.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    pub balance: i64,
    /// How many branches vote on each write, 1 to 5; by default 5, or 3 of 3 or 4, or all of fewer. The lowest numbers do.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5))]
    pub voters: Option<u32>,
    /// Write the bank's branches to this file, for `customer-cli --bank`.
    #[arg(long, value_name = "FILE")]
    pub bank_file: Option<PathBuf>,
    /// By what the branches know that they may be changed.
    #[command(flatten)]
    pub secret: SecretArguments,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Of `join`.
#[derive(Debug, Args)]
pub struct JoinArguments {
    /// The branch that joins, started on an empty data directory, and where it is reached.
    #[arg(long, value_name = "N=HOST:PORT", value_parser = numbered_address)]
    pub branch: (u32, String),
    /// Any branch of the bank.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub to: String,
    /// By what the branches know that they may be changed.
    #[command(flatten)]
    pub secret: SecretArguments,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Of `promote` and `remove`, which change one member of the bank.
#[derive(Debug, Args)]
pub struct MemberArguments {
    /// The number of the branch.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub branch: u32,
    /// Any branch of the bank.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub to: String,
    /// The secret of the bank.
    #[command(flatten)]
    pub secret: SecretArguments,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The branch to ask.
    #[arg(long, value_name = "HOST:PORT", value_parser = any_address)]
    pub branch: String,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl StartArguments {
    /// Checks what one argument alone does not show. `given`: the secret that was read for it, if one was named.
    ///
    /// # Errors
    /// The listening address is none, or may not be used in the clear.
    pub fn config(&self, given: Option<Secret>) -> Result<Config, address::AddressError> {
        let beyond_this_host = address::check(&self.listen, false).is_err();
        let secret = match (given, &self.secret_file) {
            (Some(secret), Some(file)) => SecretSource::Given {
                secret,
                from: file.display().to_string(),
            },
            _ if beyond_this_host => SecretSource::Nowhere,
            _ => SecretSource::Beside,
        };
        address::check(&self.listen, self.insecure)?;
        for (_, address) in &self.via {
            address::check(address, self.insecure)?;
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
            hand_over: !self.stop_with_stdin,
            checkpoint_entries: self.checkpoint_entries,
        })
    }
}

fn any_address(text: &str) -> Result<String, address::AddressError> {
    address::check(text, true).map(|()| text.to_owned())
}

fn numbered_address(text: &str) -> Result<(u32, String), String> {
    let malformed = || format!("{text:?} is no branch: give N=HOST:PORT, 1=127.0.0.1:50001 say");
    let (number, address) = text.split_once('=').ok_or_else(malformed)?;
    let number: u32 = number.parse().map_err(|_| malformed())?;
    if number == 0 {
        return Err("a branch has the number 0: numbers begin at 1".to_owned());
    }
    any_address(address)
        .map(|address| (number, address))
        .map_err(|error| error.to_string())
}

/// Reads `500ms`, `2s`: whole numbers only.
fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).ok_or_else(|| format!("{text:?} is no duration: give 500ms or 2s, say"))?;
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
        for bad in [
            "",
            "ms",
            "5",
            "-5s",
            "1.5s",
            "1h",
            "10ms",
            "61s",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbered_addresses_are_checked() {
        assert_eq!(numbered_address("3=h:1"), Ok((3, "h:1".to_owned())));
        for bad in ["", "3", "=h:1", "0=h:1", "-1=h:1", "3=h", "x=h:1", "99999999999=h:1"] {
            assert!(numbered_address(bad).is_err(), "{bad:?}");
        }
    }
}
