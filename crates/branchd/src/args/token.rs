//! The arguments of `token`.

use std::path::PathBuf;
use std::time::Duration;

use bank_auth::{ClientName, Role, TokenId};
use bank_types::{AccountName, parse_long_duration};
use clap::{Args, Subcommand};

/// Examples, for the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  (umask 077; branchd token add --file tokens.json --role customer --name alice --account alice > alice.token)
  branchd token add --file tokens.json --role teller --name bob --expires 30d
  branchd token list --file tokens.json
  branchd token revoke 0f1e2d3c4b5a --file tokens.json
  branchd start ... --token-file tokens.json

A token is printed once. The file has only its hash. Every branch needs a copy of the file, and takes up a changed one within
a second. Without a certificate or a token, a client may then do nothing.

Roles: a customer reads and writes its own accounts; a teller reads and writes every account; an auditor reads everything; an
operator changes the branches of the bank.";

/// How long a token lasts if nothing is said, in days. A token that nobody uses any more ends by itself.
const DAYS_DEFAULT: &str = "90d";
/// The longest time for which a token lasts, if it ends at all: about a hundred years.
const LASTS_MAX: Duration = Duration::from_secs(36_500 * 86_400);

/// The arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: TokenVerb,
}

/// What `branchd token` does.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token, and print it. It cannot be shown again.
    Add(AddTokenArguments),
    /// List the tokens of a file: id, role, name, accounts, and when each expires.
    List(ListTokensArguments),
    /// Revoke a token. Branches deny it within a second after they have the changed file.
    Revoke(RevokeTokenArguments),
}

/// The arguments of `token add`.
#[derive(Debug, Args)]
pub struct AddTokenArguments {
    /// The file of tokens. It is made if it is missing.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// What the client may do: customer, teller, auditor or operator.
    #[arg(long, value_name = "ROLE")]
    pub role: Role,
    /// Name of the client, for lists and logs.
    #[arg(long, value_name = "NAME")]
    pub name: ClientName,
    /// An own account of a customer. May be repeated.
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = account)]
    pub accounts: Vec<AccountName>,
    /// How long the token lasts, such as 12h or 30d, or `never` for a token without an end.
    #[arg(long, value_name = "DURATION", default_value = DAYS_DEFAULT, value_parser = lasting)]
    pub expires: Lasting,
}

/// How long a token lasts. `None`: for ever.
pub type Lasting = Option<Duration>;

/// The arguments of `token list`.
#[derive(Debug, Args)]
pub struct ListTokensArguments {
    /// The file of tokens.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `token revoke`.
#[derive(Debug, Args)]
pub struct RevokeTokenArguments {
    /// The id of the token, as `branchd token list` shows it.
    #[arg(value_name = "ID")]
    pub id: TokenId,
    /// The file of tokens.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
}

fn account(text: &str) -> Result<AccountName, String> {
    AccountName::new(text).map_err(|error| error.to_string())
}

fn lasting(text: &str) -> Result<Lasting, String> {
    if text == "never" {
        return Ok(None);
    }
    let lasts = parse_long_duration(text).filter(|lasts| *lasts >= Duration::from_secs(1) && *lasts <= LASTS_MAX);
    match lasts {
        Some(lasts) => Ok(Some(lasts)),
        None => Err(format!("{text:?}: give 1s to 36500d, such as 12h or 30d, or never")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_token_lasts_is_checked() {
        assert_eq!(lasting("never"), Ok(None));
        assert_eq!(lasting("30d"), Ok(Some(Duration::from_secs(30 * 86_400))));
        assert_eq!(lasting("12h"), Ok(Some(Duration::from_secs(12 * 3600))));
        for bad in ["", "0s", "999ms", "30", "-1d", "36501d", "Never", "1y"] {
            assert!(lasting(bad).is_err(), "{bad:?}");
        }
    }
}
