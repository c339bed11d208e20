//! The command line as it is typed. Only its shape is checked here; [`crate::request`] checks the values.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 refused by the bank, 4 not applied, 5 unknown.

Examples:
  customer-cli --branch 127.0.0.1:50001 --session s.json deposit 100
  customer-cli --branch 127.0.0.1:50003 --session s.json query
  customer-cli --bank bank.json --branch 3 --json query --level strong";

/// A customer of the bank: every branch shows what this session has done and seen.
#[derive(Debug, Parser)]
#[command(name = "customer-cli", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags that every verb takes, before it or after it.
    #[command(flatten)]
    pub shared: Shared,
}

/// Flags that every verb takes.
#[derive(Debug, Args)]
pub struct Shared {
    /// The branch to ask: HOST:PORT, or its number with --bank [default: the first branch of the bank file]
    #[arg(long, global = true, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// The bank file, which names the bank's branches. If one branch cannot serve, the others are asked
    #[arg(long, global = true, value_name = "FILE")]
    pub bank: Option<PathBuf>,
    /// Asks only the one branch, even if the bank file names others
    #[arg(long, global = true)]
    pub no_failover: bool,
    /// The account. For a transfer, the account that pays [default: main]
    #[arg(long, global = true, value_name = "NAME")]
    pub account: Option<String>,
    /// Consistency level of reads: eventual, read-your-writes, monotonic-reads, session or strong [default: session]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub level: Option<String>,
    /// Branches that a write waits for: quorum or all [default: quorum]
    #[arg(long, global = true, value_name = "PROPAGATION")]
    pub propagation: Option<String>,
    /// Keeps the session in this file, which is made if it is missing. A write is in the file before it is sent. If its
    /// outcome is unknown, the next run settles it
    #[arg(long, global = true, value_name = "FILE")]
    pub session: Option<PathBuf>,
    /// Request id of the write, a UUID. The same id again returns the first outcome. "Not applied" speaks of this run
    /// only: earlier runs with the same id are known from --session alone [default: a new id]
    #[arg(long, global = true, value_name = "UUID")]
    pub request_id: Option<String>,
    /// Longest time of an operation with its retries: 1ms to 60s [default: 10s]
    #[arg(long, global = true, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Prints one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Prints on stderr which branch answered, at which position, and which attempts failed
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// A verb.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Prints the balance of the account
    #[command(after_help = "Examples:
  customer-cli --branch 127.0.0.1:50001 query
  customer-cli --bank bank.json --branch 2 --session s.json query --account rent
  customer-cli --branch 127.0.0.1:50003 --json query --level strong")]
    Query,
    /// Pays money in
    #[command(
        after_help = "After an unknown outcome (exit code 5), the same command with the same --session settles that
deposit and reports what became of it; it does not deposit twice.

Examples:
  customer-cli --branch 127.0.0.1:50001 --session s.json deposit 100
  customer-cli --bank bank.json deposit 100 --propagation all"
    )]
    Deposit {
        /// Amount in minor units: digits, 1 to 9223372036854775807
        #[arg(allow_negative_numbers = true)]
        amount: String,
    },
    /// Takes money out. Refused (exit code 3) if the account holds less
    #[command(
        after_help = "After an unknown outcome (exit code 5), the same command with the same --session settles that
withdrawal and reports what became of it; it does not withdraw twice.

Examples:
  customer-cli --branch 127.0.0.1:50001 --session s.json withdraw 30
  customer-cli --bank bank.json --account rent withdraw 30 --json"
    )]
    Withdraw {
        /// Amount in minor units: digits, 1 to 9223372036854775807
        #[arg(allow_negative_numbers = true)]
        amount: String,
    },
    /// Moves money to another account of the bank
    #[command(after_help = "Examples:
  customer-cli --branch 127.0.0.1:50001 transfer 25 --to rent
  customer-cli --branch 127.0.0.1:50001 --account rent transfer 5 --to main")]
    Transfer {
        /// Amount in minor units: digits, 1 to 9223372036854775807
        #[arg(allow_negative_numbers = true)]
        amount: String,
        /// The account that is paid
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
    },
    /// Opens an account with a balance of 0
    #[command(after_help = "Example:
  customer-cli --branch 127.0.0.1:50001 open rent")]
    Open {
        /// Name of the account: 1 to 64 of a-z A-Z 0-9 . _ - that begin with a letter or a digit
        // The id must differ from that of the flag --account.
        #[arg(id = "NEW_ACCOUNT", value_name = "ACCOUNT")]
        account: String,
    },
    /// Lists every account with its balance, in order of their names
    #[command(after_help = "Examples:
  customer-cli --branch 127.0.0.1:50001 accounts
  customer-cli --bank bank.json accounts --json")]
    Accounts,
    /// Lists the account's entries, newest first
    #[command(after_help = "Examples:
  customer-cli --branch 127.0.0.1:50001 statement --limit 10
  customer-cli --bank bank.json --account rent statement --json")]
    Statement {
        /// Largest number of entries, 1 or more [default: all]
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        limit: Option<String>,
    },
    /// Shows the account's entries as they reach the branch, until Ctrl-C
    #[command(
        after_help = "The watch begins with the newest entries and stays with one branch. If the branch goes
away, the watch waits until it is back, and goes on where it was. Each entry is shown once.

Examples:
  customer-cli --branch 127.0.0.1:50001 watch
  customer-cli --bank bank.json --branch 3 watch rent --limit 0 --for 10m
  customer-cli --bank bank.json --branch 3 --json watch"
    )]
    Watch {
        /// The account [default: main]
        // The id must differ from that of the flag --account.
        #[arg(id = "WATCHED", value_name = "ACCOUNT")]
        account: Option<String>,
        /// Number of the newest entries to begin with [default: 10]
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        limit: Option<String>,
        /// Time after which the watch ends by itself, 1ms to 24h [default: never]
        #[arg(long = "for", value_name = "DURATION")]
        lasting: Option<String>,
    },
    /// Replays a list of events on stdin as one customer
    #[command(after_help = "\
Stdin is a JSON array of events, or one event per line. All events are checked before anything is sent:
  {\"id\":1,\"interface\":\"deposit\",\"branch\":1,\"money\":400}
  {\"id\":2,\"interface\":\"query\",\"branch\":2}
An event may also have account, level and request_id. Each outcome is printed at once, as one JSON line on stdout.

The replay goes on after a failed read and after a write that was not applied. It stops after a write whose outcome is
unknown: the other events are not sent and are reported as not-applied. A pending write of the --session is settled
first. The events are then sent as they are, so give them request_ids to repeat a replay safely. During a replay the
session file survives the death of this process at every instant. It is synced, and so survives the death of the host,
at the end only.

Examples:
  customer-cli --bank bank.json replay < events.json
  customer-cli --bank bank.json --session s.json --level strong replay < events.jsonl")]
    Replay {
        /// Reads the events from the first line of stdin, as an array, and stops at once when stdin ends, because the
        /// program at its other end is gone
        #[arg(long)]
        stop_with_stdin: bool,
    },
    /// Prints a completion script for a shell
    #[command(after_help = "Example:
  customer-cli completions bash > ~/.local/share/bash-completion/completions/customer-cli")]
    Completions {
        /// Shell to print the script for
        shell: Shell,
    },
}
