//! The arguments of `cert`.

use std::path::PathBuf;
use std::time::SystemTime;

use bank_auth::{ClientName, Role};
use bank_tls::{Validity, days};
use bank_types::AccountName;
use clap::{Args, Subcommand};
use uuid::Uuid;

/// A hundred years. All dates are then within the range of a certificate.
const DAYS_MAX: i64 = 36_500;
/// The default of `--days` for an authority.
const CA_DAYS: u32 = 3650;
/// The default of `--days` for a branch or a client.
const LEAF_DAYS: u32 = 365;

/// Examples, for the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  branchd cert ca --certs-dir certs                            # once for a bank, at a safe place
  branchd cert branch 1 --host 10.0.0.1 --certs-dir certs      # one for each branch
  branchd cert client alice --role customer --certs-dir certs  # one for each client
  branchd cert show --certs-dir certs

Copy ca.crt, branch.N.crt and branch.N.key, and ca.crl if there is one, to a directory of the host
of branch N, and start it with --certs-dir. A client needs ca.crt, client.NAME.crt and
client.NAME.key. Only the host where certificates are made needs ca.key: with it, a person can be
every branch and every client. PASSBOOK_CERTS_DIR stands for --certs-dir.

A branch takes up changed files by itself.

Exit codes: 0 done, 1 a file cannot be written, 2 wrong flags, a file that exists already, or a
wrong file.";

const CA_EXAMPLES: &str = "\
Examples:
  branchd cert ca --certs-dir certs                  # for a new bank
  branchd cert ca --bank BANK_ID --certs-dir certs   # for a bank that runs without certificates

To replace an authority while the bank runs:
  1. branchd cert ca --rotate --certs-dir certs: ca.crt then has the old and the new certificate
  2. copy ca.crt to the hosts of all branches and clients, which trust both from then on
  3. branchd cert renew certs/branch.*.crt certs/client.*.crt --certs-dir certs, and copy each
     pair to its host
  4. branchd cert ca --drop-old --certs-dir certs, and copy ca.crt to all hosts again

Keep to this order: a host without the new ca.crt refuses the renewed certificates of the others.";

const BRANCH_EXAMPLES: &str = "\
Examples:
  branchd cert branch 1 --host 10.0.0.1 --certs-dir certs
  branchd cert branch 2 --host 10.0.0.2 --host bank2.example.org --days 90 --certs-dir certs

Then copy ca.crt, branch.N.crt and branch.N.key to the host of the branch.";

const CLIENT_EXAMPLES: &str = "\
Examples:
  branchd cert client alice --role customer --certs-dir certs
  branchd cert client bob --role customer --account bob --account savings-7 --certs-dir certs
  branchd cert client desk-1 --role teller --certs-dir certs
  branchd cert client ops --role operator --days 30 --certs-dir certs

Roles: a customer reads and writes its own accounts; a teller reads and writes every account; an
auditor reads everything; an operator changes the branches of the bank.";

const SHOW_EXAMPLES: &str = "\
Examples:
  branchd cert show --certs-dir certs
  branchd cert show certs/branch.1.crt --json";

const RENEW_EXAMPLES: &str = "\
Examples:
  branchd cert renew certs/branch.1.crt --certs-dir certs
  branchd cert renew certs/branch.*.crt --days 90 --certs-dir certs
  branchd cert revoke certs/branch.2.crt --certs-dir certs          # its key was stolen
  branchd cert renew certs/branch.2.crt --revoked --certs-dir certs

The old certificate stays valid until it expires, unless it is revoked. The key is replaced first
and the certificate right after. A branch that reads between the two finds that they do not fit,
keeps the old pair, and reads again. For the same reason, the order in which you copy a pair to a
host does not matter.";

const REVOKE_EXAMPLES: &str = "\
Examples:
  branchd cert revoke certs/client.alice.crt --certs-dir certs

Then copy ca.crl to the hosts of all branches, beside their ca.crt. A branch without it accepts the
certificate. A list does not expire: it is valid until the next revocation makes a new one.";

/// The arguments of `cert`.
#[derive(Debug, Args)]
pub struct CertArguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: CertVerb,
}

/// What `branchd cert` does.
#[derive(Debug, Subcommand)]
pub enum CertVerb {
    /// Make the authority of a bank, which signs the certificates of branches and clients; or replace it.
    #[command(after_help = CA_EXAMPLES)]
    Ca(CaArguments),
    /// Make the certificate and the key of a branch.
    #[command(after_help = BRANCH_EXAMPLES)]
    Branch(BranchArguments),
    /// Make the certificate and the key of a client.
    #[command(after_help = CLIENT_EXAMPLES)]
    Client(ClientArguments),
    /// Show certificates: whose they are, for which hosts, until when, and whether they are revoked.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArguments),
    /// Replace certificates and their keys by new ones of the same owner and hosts.
    #[command(after_help = RENEW_EXAMPLES)]
    Renew(RenewArguments),
    /// Revoke a certificate before it expires, for example because its key was stolen.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(RevokeArguments),
}

/// The directory of certificates.
#[derive(Debug, Args)]
pub struct CertsDirArgument {
    /// Directory with the certificates, and with the key of the authority.
    #[arg(long, value_name = "DIR", env = "PASSBOOK_CERTS_DIR")]
    pub certs_dir: PathBuf,
}

/// The arguments of `cert ca`.
#[derive(Debug, Args)]
pub struct CaArguments {
    /// The directory.
    #[command(flatten)]
    pub directory: CertsDirArgument,
    /// Id of the bank. The default is a new one, which `branchd init` then founds.
    #[arg(long, value_name = "UUID")]
    pub bank: Option<Uuid>,
    /// Days for which the certificate of the authority is valid. No certificate that it signs is valid for longer.
    #[arg(long, value_name = "N", default_value_t = CA_DAYS, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    pub days: u32,
    /// Begin to replace the authority by a new one. Both are trusted until --drop-old.
    #[arg(long, conflicts_with = "bank")]
    pub rotate: bool,
    /// End the replacement: trust only the new authority.
    #[arg(long, conflicts_with_all = ["bank", "rotate", "days"])]
    pub drop_old: bool,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `cert branch`.
#[derive(Debug, Args)]
pub struct BranchArguments {
    /// Number of the branch.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub branch: u32,
    /// Host name or IP address under which clients reach the branch. May be repeated. localhost, 127.0.0.1 and ::1 are
    /// always added.
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// The directory.
    #[command(flatten)]
    pub directory: CertsDirArgument,
    /// Days for which the certificate is valid.
    #[arg(long, value_name = "N", default_value_t = LEAF_DAYS, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    pub days: u32,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `cert client`.
#[derive(Debug, Args)]
pub struct ClientArguments {
    /// Name of the client.
    #[arg(value_name = "NAME")]
    pub name: ClientName,
    /// What the client may do: customer, teller, auditor or operator.
    #[arg(long, value_name = "ROLE")]
    pub role: Role,
    /// An own account of a customer. May be repeated. The default is the account with the name of the client.
    #[arg(long = "account", value_name = "ACCOUNT")]
    pub accounts: Vec<AccountName>,
    /// The directory.
    #[command(flatten)]
    pub directory: CertsDirArgument,
    /// Days for which the certificate is valid.
    #[arg(long, value_name = "N", default_value_t = LEAF_DAYS, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    pub days: u32,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `cert show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// Files with certificates. The default is all files NAME.crt of the directory.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Directory with the certificates and the list of revoked ones. For files, the default is the directory of each.
    #[arg(long, value_name = "DIR", env = "PASSBOOK_CERTS_DIR")]
    pub certs_dir: Option<PathBuf>,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `cert renew`.
#[derive(Debug, Args)]
pub struct RenewArguments {
    /// Files with the certificates of branches and clients. The key of NAME.crt is NAME.key.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The directory.
    #[command(flatten)]
    pub directory: CertsDirArgument,
    /// Renew a certificate that is revoked too. Its owner gets in again by the new one.
    #[arg(long)]
    pub revoked: bool,
    /// Days for which the new certificates are valid. The default is as long as the old ones were.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    pub days: Option<u32>,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `cert revoke`.
#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// File with the certificate.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The directory.
    #[command(flatten)]
    pub directory: CertsDirArgument,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// From now, for so many days.
pub fn validity(length_days: u32) -> Validity {
    Validity::from_now(SystemTime::now(), days(length_days))
}
