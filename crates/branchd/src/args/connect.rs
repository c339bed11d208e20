//! The flags that say how a verb connects to branches, and what proves who calls.

use std::path::PathBuf;

use bank_client::SecurityFiles;
use clap::Args;

use crate::directory::secret::BANK_SECRET_FILE;

/// How a verb connects to branches with certificates.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct ConnectArguments {
    /// Connect by TLS. The directory has ca.crt, and client.NAME.crt with client.NAME.key, as `branchd cert` makes them.
    #[arg(long, value_name = "DIR", env = "PASSBOOK_CERTS_DIR")]
    pub certs_dir: Option<PathBuf>,
    /// The client of --certs-dir that this is, if it has the keys of several.
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
    /// Instead of --certs-dir: certificates of the authorities that sign the branches' certificates.
    #[arg(long, value_name = "FILE")]
    pub trusted_ca_file: Option<PathBuf>,
    /// The own certificate, beside --trusted-ca-file.
    #[arg(long, value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// The key of the own certificate. Only its owner may be able to read it.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// File with a token instead of an own certificate. Only its owner may be able to read it. The token is sent by TLS,
    /// or within this host.
    #[arg(long, value_name = "FILE", env = "PASSBOOK_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

impl ConnectArguments {
    /// The files that the flags name.
    pub fn files(&self) -> SecurityFiles {
        SecurityFiles {
            certs_dir: self.certs_dir.clone(),
            client: self.client.clone(),
            trusted_ca_file: self.trusted_ca_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            token_file: self.token_file.clone(),
        }
    }
}

/// The secret that a verb needs to change a bank.
#[derive(Debug, Args)]
pub struct SecretArguments {
    /// File with the secret of the bank, which proves on the branch's own host that the bank may be changed. `-` reads
    /// the first line of stdin. It is not read if certificates or a token are given.
    #[arg(long, value_name = "FILE", default_value = BANK_SECRET_FILE, env = "PASSBOOK_SECRET_FILE")]
    pub secret_file: PathBuf,
}

/// What proves that a verb may change a bank. A certificate or a token counts before the secret.
#[derive(Debug, Args)]
pub struct ProofArguments {
    /// The secret of the bank.
    #[command(flatten)]
    pub secret: SecretArguments,
    /// Certificates or a token.
    #[command(flatten)]
    pub connect: ConnectArguments,
}
