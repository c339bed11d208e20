//! The command line as it is typed. Only its shape is checked here; [`crate::request`] checks the values.

use std::path::PathBuf;

use bank_client::SecurityFiles;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::version;

const AFTER_HELP: &str = "\
Without --bank and --branch, the live bank of the current directory is asked
(outputs/bank/bank.json), or else the branch at 127.0.0.1:50001.

Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 refused by the bank,
4 not applied, 5 unknown.

Examples, beside a bank that launcher up --branches 3 started:
  customer-cli deposit 100
  customer-cli query --branch 3
  customer-cli --bank bank.json --branch 3 --json query --level strong
  customer-cli --bank bank.json --certs-dir certs query       # a bank with TLS";

/// A customer of the bank: every branch shows what this session has done and seen.
#[derive(Debug, Parser)]
#[command(name = "customer-cli", version = version::text(), after_help = AFTER_HELP)]
pub struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags that every verb takes, before it or after it.
    #[command(flatten)]
    pub shared: Shared,
}

impl Cli {
    /// Reads the command line of this process. Ends the process with 0 after `--help`, and with 2 after a wrong argument.
    pub fn of_this_process() -> Self {
        let matches = command().get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        let names_address = cli.shared.branch.as_deref().is_some_and(|branch| branch.contains(':'));
        // An address and a bank file exclude each other. A flag comes before the environment.
        match (given("bank"), given("branch")) {
            (false, true) if names_address => cli.shared.bank = None,
            (true, false) if names_address => cli.shared.branch = None,
            _ => {}
        }
        cli
    }
}

/// The command line, in which the help of a verb does not show the shared flags that mean nothing to it.
pub fn command() -> clap::Command {
    let command = Cli::command();
    let shared = command.get_arguments().filter(|flag| flag.is_global_set());
    let hidden: Vec<_> = shared.map(|flag| flag.clone().hide(true)).collect();
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        let flags = hidden
            .iter()
            .filter(|flag| is_meaningless(&name, flag.get_id().as_str()));
        verb.args(flags.cloned().collect::<Vec<_>>())
    })
}

/// Whether a shared flag means nothing to a verb.
fn is_meaningless(verb: &str, flag: &str) -> bool {
    match verb {
        "completions" | "version" => true,
        "watch" => matches!(flag, "no_failover" | "session" | "no_session"),
        "session" => matches!(flag, "no_failover" | "no_session"),
        _ => false,
    }
}

/// Flags that every verb takes.
#[derive(Debug, Args)]
pub struct Shared {
    /// The bank file, which names the bank's branches
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PASSBOOK_BANK",
        hide_env_values = true
    )]
    pub bank: Option<PathBuf>,
    /// The branch to ask first: its number in the bank file, or HOST:PORT if there is no bank file [default: the first]
    #[arg(
        long,
        global = true,
        value_name = "BRANCH",
        env = "PASSBOOK_BRANCH",
        hide_env_values = true
    )]
    pub branch: Option<String>,
    /// Asks only that branch. Otherwise the others are asked if it is down, behind or slow
    #[arg(long, global = true)]
    pub no_failover: bool,
    /// Keeps the session in this file, which is made if it is missing [default: a file beside the bank file]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PASSBOOK_SESSION",
        hide_env_values = true
    )]
    pub session: Option<PathBuf>,
    /// Goes without a session: the answer may lack your earlier writes
    #[arg(long, global = true)]
    pub no_session: bool,
    /// Longest time of an operation with its retries: 1ms to 60s, or seconds [default: 10s]
    #[arg(long, global = true, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Certificates, or a token.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Prints one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Prints on stderr which branch answered, at which position, and which attempts failed
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// How branches with certificates are connected to, and what proves who the customer is.
#[derive(Debug, Args)]
pub struct ConnectFlags {
    /// Connects by TLS. The directory has ca.crt, and client.NAME.crt with client.NAME.key
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "PASSBOOK_CERTS_DIR",
        hide_env_values = true,
        help_heading = "TLS"
    )]
    pub certs_dir: Option<PathBuf>,
    /// The client of --certs-dir that you are, if it has the keys of several
    #[arg(long, global = true, value_name = "NAME", help_heading = "TLS")]
    pub client: Option<String>,
    /// Instead of --certs-dir: certificates of the authorities that sign the branches' certificates
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    pub trusted_ca_file: Option<PathBuf>,
    /// Your own certificate, beside --trusted-ca-file
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    pub cert_file: Option<PathBuf>,
    /// The key of your own certificate, which only you may be able to read
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    pub key_file: Option<PathBuf>,
    /// File with your token, which only you may be able to read. The token is sent by TLS, or within this host
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PASSBOOK_TOKEN_FILE",
        hide_env_values = true,
        help_heading = "TLS"
    )]
    pub token_file: Option<PathBuf>,
}

impl ConnectFlags {
    /// The files that the flags name.
    pub fn files(self) -> SecurityFiles {
        SecurityFiles {
            certs_dir: self.certs_dir,
            client: self.client,
            trusted_ca_file: self.trusted_ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
            token_file: self.token_file,
        }
    }
}

/// The account of a verb that reads one account.
#[derive(Debug, Args)]
pub struct ReadAccount {
    /// The account [default: main]
    // The id must differ from that of the flag.
    #[arg(id = "ACCOUNT", value_name = "ACCOUNT", conflicts_with = "account")]
    pub positional: Option<String>,
    /// The same, as a flag
    #[arg(long = "account", id = "account", value_name = "NAME")]
    pub flag: Option<String>,
}

/// The consistency level of a verb that reads.
#[derive(Debug, Args)]
pub struct ReadLevel {
    /// Consistency level: eventual, read-your-writes, monotonic-reads, session or strong [default: session]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
}

/// The flags of a verb that writes.
#[derive(Debug, Args)]
pub struct WriteFlags {
    /// Branches that the write waits for: quorum or all [default: quorum]
    #[arg(long, value_name = "PROPAGATION")]
    pub propagation: Option<String>,
    /// Request id of the write, a UUID. The same id again returns the first outcome. "Not applied" speaks of this run
    /// only: earlier runs with the same id are known from the session alone [default: a new id]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<String>,
}

/// The account of a verb that writes to one account.
#[derive(Debug, Args)]
pub struct WriteAccount {
    /// The account. For a transfer, the account that pays [default: main]
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
}

/// An amount of money.
#[derive(Debug, Args)]
pub struct AmountArg {
    /// Amount in minor units: digits, 1 to 9223372036854775807
    #[arg(allow_negative_numbers = true)]
    pub amount: String,
}

/// A verb.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Prints the balance of an account
    #[command(
        visible_alias = "balance",
        after_help = "Examples:
  customer-cli query
  customer-cli query rent --branch 2
  customer-cli --branch 127.0.0.1:50003 --json query --level strong"
    )]
    Query {
        /// The account.
        #[command(flatten)]
        account: ReadAccount,
        /// The consistency level.
        #[command(flatten)]
        level: ReadLevel,
    },
    /// Pays money in
    #[command(after_help = "\
After an unknown outcome (exit code 5), the same command in the same session
settles that deposit and reports what became of it. It does not deposit twice.

Examples:
  customer-cli deposit 100
  customer-cli --branch 2 deposit 100 --account rent --propagation all")]
    Deposit {
        /// The amount.
        #[command(flatten)]
        amount: AmountArg,
        /// The account.
        #[command(flatten)]
        account: WriteAccount,
        /// Flags of the write.
        #[command(flatten)]
        flags: WriteFlags,
    },
    /// Takes money out. Refused (exit code 3) if the account holds less
    #[command(after_help = "\
After an unknown outcome (exit code 5), the same command in the same session
settles that withdrawal and reports what became of it. It does not withdraw
twice.

Examples:
  customer-cli withdraw 30
  customer-cli --branch 2 withdraw 30 --account rent --json")]
    Withdraw {
        /// The amount.
        #[command(flatten)]
        amount: AmountArg,
        /// The account.
        #[command(flatten)]
        account: WriteAccount,
        /// Flags of the write.
        #[command(flatten)]
        flags: WriteFlags,
    },
    /// Moves money to another account of the bank
    #[command(after_help = "Examples:
  customer-cli transfer 25 --to rent
  customer-cli transfer 5 --account rent --to main")]
    Transfer {
        /// The amount.
        #[command(flatten)]
        amount: AmountArg,
        /// The account that is paid
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
        /// The account that pays.
        #[command(flatten)]
        account: WriteAccount,
        /// Flags of the write.
        #[command(flatten)]
        flags: WriteFlags,
    },
    /// Opens an account with a balance of 0
    #[command(after_help = "Example:
  customer-cli open rent")]
    Open {
        /// Name of the account: 1 to 64 of a-z A-Z 0-9 . _ - that begin with a letter or a digit
        account: String,
        /// Flags of the write.
        #[command(flatten)]
        flags: WriteFlags,
    },
    /// Lists every account with its balance, in order of their names
    #[command(after_help = "Examples:
  customer-cli accounts
  customer-cli --branch 127.0.0.1:50001 accounts --json")]
    Accounts {
        /// The consistency level.
        #[command(flatten)]
        level: ReadLevel,
    },
    /// Lists an account's entries, newest first
    #[command(after_help = "Examples:
  customer-cli statement --limit 10
  customer-cli --branch 2 statement rent --json")]
    Statement {
        /// The account.
        #[command(flatten)]
        account: ReadAccount,
        /// The consistency level.
        #[command(flatten)]
        level: ReadLevel,
        /// Largest number of entries, 1 or more [default: all]
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        limit: Option<String>,
    },
    /// Shows an account's entries as they reach the branch, until Ctrl-C
    #[command(after_help = "\
The watch begins with the newest entries and stays with one branch. If the
branch goes away, the watch waits until it is back, and goes on where it was.
Each entry is shown once. A watch shows the entries of every customer, so it
uses no session.

Examples:
  customer-cli --branch 3 watch
  customer-cli --branch 3 watch rent --limit 0 --for 10m
  customer-cli --branch 3 --json watch")]
    Watch {
        /// The account.
        #[command(flatten)]
        account: ReadAccount,
        /// Number of the newest entries to begin with [default: 10]
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        limit: Option<String>,
        /// Time after which the watch ends by itself: 1ms to 24h, or seconds [default: never]
        #[arg(long = "for", value_name = "DURATION")]
        lasting: Option<String>,
    },
    /// Replays a list of events on stdin as one customer
    #[command(after_help = "\
Stdin is a JSON array of events, or one event per line. All events are checked
before anything is sent:
  {\"id\":1,\"interface\":\"deposit\",\"branch\":1,\"money\":400}
  {\"id\":2,\"interface\":\"query\",\"branch\":2}
An event may also have account, level and request_id. Each outcome is printed
at once, as one JSON line on stdout.

The replay goes on after a failed read and after a write that was not applied.
It stops after a write whose outcome is unknown: the other events are not sent
and are reported as not-applied. A pending write of the session is settled
first. The events are then sent as they are, so give them request_ids to repeat
a replay safely. Each event waits at its own branch; another branch is asked
only if that one is down. During a replay the session file survives the death
of this process at every instant. It is synced, and so survives the death of
the host, at the end only.

Examples:
  customer-cli replay < events.json
  customer-cli --session s.json replay --level strong < events.jsonl")]
    Replay {
        /// Account of an event that names none [default: main]
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// The consistency level.
        #[command(flatten)]
        level: ReadLevel,
        /// Branches that a write waits for: quorum or all [default: quorum]
        #[arg(long, value_name = "PROPAGATION")]
        propagation: Option<String>,
        /// Reads the events from the first line of stdin, as an array, and stops at once when stdin ends, because the
        /// program at its other end is gone
        #[arg(long)]
        stop_with_stdin: bool,
    },
    /// Sends the writes of a file as one stream, in their order
    #[command(after_help = "\
A CSV file has a header with the columns type, account, amount and to. Of them
only type is needed; an empty account stands for main:
  type,account,amount,to
  open,rent,,
  deposit,,400,
  transfer,main,25,rent
A JSON Lines file has one object per line:
  {\"interface\":\"transfer\",\"account\":\"main\",\"money\":25,\"to\":\"rent\"}

The whole file is checked before anything is sent. The import goes on after a
refusal, and lists the refusals at its end (exit code 3). With --json each is
printed at once, and a summary at the end.

The import keeps FILE.import.json beside the file: its id, and how many lines
are settled. After a crash of this program or of branches, run the same command
again. It goes on where it stopped and sends no line twice under another request
id. A finished import is not repeated. To import the same file once more as a
new import, remove FILE.import.json.

Stdin (-) is checked as it comes, so the lines before a wrong one are sent.
The id of the import is printed. To go on after a crash, give the same lines
again with --import-id.

Examples:
  customer-cli import payments.csv
  customer-cli --json import payments.jsonl
  generate | customer-cli import - --format csv")]
    Import {
        /// The file, which ends in .csv or .jsonl, or - for stdin
        file: PathBuf,
        /// Format of the input: csv or jsonl [default: by the name of the file]
        #[arg(long, value_name = "FORMAT")]
        format: Option<String>,
        /// Branches that the outcomes wait for: quorum or all [default: quorum]
        #[arg(long, value_name = "PROPAGATION")]
        propagation: Option<String>,
        /// Id of an earlier import of stdin that this one continues, a UUID [default: a new id]
        #[arg(long, value_name = "UUID")]
        import_id: Option<String>,
    },
    /// Shows the session, or forgets it
    #[command(after_help = "Examples:
  customer-cli session
  customer-cli session --forget
  customer-cli --session s.json session --json")]
    Session {
        /// Removes the session file. The next command begins a new session, which knows nothing of earlier writes
        #[arg(long)]
        forget: bool,
    },
    /// Prints a completion script for a shell
    #[command(after_help = "\
Example, where bash finds it by itself:
  d=~/.local/share/bash-completion/completions
  customer-cli completions bash > $d/customer-cli")]
    Completions {
        /// Shell to print the script for
        shell: Shell,
    },
    /// Prints the version, the commit, and the known formats
    #[command(after_help = "Example:
  customer-cli version")]
    Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
