//! The arguments of `branchd start`, and their conversion to a [`Config`].

use std::path::PathBuf;
use std::time::Duration;

use bank_auth::Secret;
use bank_types::parse_duration_or_seconds;
use clap::Args;

use super::numbered::numbered_address;
use super::tls::{TlsArguments, TlsArgumentsError};
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

pub(super) const EXAMPLES: &str = "\
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
    use crate::args::{Arguments, Verb};
    use clap::Parser;

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
}
