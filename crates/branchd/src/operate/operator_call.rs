//! Calls of the verbs to a branch that runs, made through `bank-client`.

use std::time::Duration;

use bank_client::operator::NewBranch;
use bank_client::{Address, Failure as CallFailure, Operator, OperatorError, Security};

use super::failure::{FAILED, Failure, REFUSED, USAGE};
use super::secret::given_secret;
use crate::args::{ConnectArguments, NamedBranch, ProofArguments};

/// How long a branch may take to report its status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a branch may take to found a bank, or to change its members. A branch ends such a call by itself after 300
/// s at most.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(330);
/// How long a branch may take for each page of its commands. A page waits up to 10 s for a read of the ledger database.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that may change the bank: by its certificate or token, or else by the secret in the file.
///
/// # Errors
/// Exit code 2 if the address, the secret, the certificates or the token are wrong.
pub(super) fn for_change(address: &str, proof: &ProofArguments) -> Result<Operator, Failure> {
    let security = security(&proof.connect)?;
    let operator = Operator::at(parsed(address)?, CHANGE_TIMEOUT);
    if !security.is_none() {
        return Ok(operator.with_security(security));
    }
    let secret = given_secret(&proof.secret.secret_file).map_err(|failure| Failure {
        message: format!(
            "{}; or give an operator's certificate with --certs-dir",
            failure.message
        ),
        ..failure
    });
    Ok(operator.with_secret(secret?))
}

/// A client that may ask for the status.
///
/// # Errors
/// Exit code 2 if the address, the certificates or the token are wrong.
pub(super) fn for_status(address: &str, connect: &ConnectArguments) -> Result<Operator, Failure> {
    Ok(Operator::at(parsed(address)?, STATUS_TIMEOUT).with_security(security(connect)?))
}

/// A client that may read the commands that the branch has applied.
///
/// # Errors
/// Exit code 2 if the address, the certificates or the token are wrong.
pub(super) fn for_export(address: &str, connect: &ConnectArguments) -> Result<Operator, Failure> {
    Ok(Operator::at(parsed(address)?, PAGE_TIMEOUT).with_security(security(connect)?))
}

/// Reads the certificates and the token that the flags name.
///
/// # Errors
/// Exit code 2 if they cannot be used.
pub(super) fn security(connect: &ConnectArguments) -> Result<Security, Failure> {
    connect.files().load().map_err(|error| Failure::new(USAGE, error))
}

/// Converts a branch of the command line to an argument of a call.
///
/// # Errors
/// Exit code 2 if the address is wrong.
pub(super) fn branch(named: &NamedBranch) -> Result<NewBranch, Failure> {
    Ok(NewBranch {
        branch: named.branch,
        address: parsed(&named.address)?,
        peer_address: named.peer_address.as_deref().map(parsed).transpose()?,
    })
}

fn parsed(address: &str) -> Result<Address, Failure> {
    address.parse().map_err(|error| Failure::new(USAGE, error))
}

/// Runs a call on a runtime of its own.
///
/// # Errors
/// The call failed, or there is no runtime.
pub(super) fn on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::new(FAILED, format!("cannot start a runtime: {error}")))?
        .block_on(work)
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        Self::from(error.cause)
    }
}

/// The exit code, and the branch's own message if it gave one.
impl From<CallFailure> for Failure {
    fn from(failure: CallFailure) -> Self {
        let code = match &failure {
            CallFailure::Invalid { .. } => USAGE,
            CallFailure::TokenKept { .. } => USAGE,
            CallFailure::Precondition { .. }
            | CallFailure::Unauthenticated { .. }
            | CallFailure::NotTrusted { .. }
            | CallFailure::Denied { .. } => REFUSED,
            _ => FAILED,
        };
        match &failure {
            CallFailure::Unreachable { at, .. } | CallFailure::Silent { at } => {
                let address = &at.address;
                Self::new(
                    code,
                    format!("no branch answers at {address}: is it started, and is this its address?"),
                )
            }
            CallFailure::TimedOut { at } => Self::new(code, format!("{at} did not answer in time: try again")),
            other => match other.branch_message() {
                Some(message) => Self::new(code, message),
                None => Self::new(code, other),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_client::Place;

    #[test]
    fn a_failed_call_ends_in_an_exit_code_and_the_branchs_own_message() {
        let at = || Place {
            branch: None,
            address: "h:1".parse().expect("an address"),
        };
        let message = || "why".to_owned();
        let detail = "refused".to_owned();
        for (failure, code, text) in [
            (
                CallFailure::Unreachable { at: at(), detail },
                FAILED,
                "no branch answers at h:1: is it started, and is this its address?",
            ),
            (
                CallFailure::Silent { at: at() },
                FAILED,
                "no branch answers at h:1: is it started, and is this its address?",
            ),
            (
                CallFailure::TimedOut { at: at() },
                FAILED,
                "the branch at h:1 did not answer in time: try again",
            ),
            (
                CallFailure::Unauthenticated {
                    at: at(),
                    message: message(),
                },
                REFUSED,
                "why",
            ),
            (
                CallFailure::Precondition {
                    at: at(),
                    message: message(),
                },
                REFUSED,
                "why",
            ),
            (
                CallFailure::Invalid {
                    at: at(),
                    message: message(),
                },
                USAGE,
                "why",
            ),
            (
                CallFailure::Unfinished {
                    at: at(),
                    message: message(),
                },
                FAILED,
                "why",
            ),
            (
                CallFailure::Unavailable {
                    at: at(),
                    message: message(),
                },
                FAILED,
                "why",
            ),
            (
                CallFailure::Denied {
                    at: at(),
                    message: message(),
                },
                REFUSED,
                "why",
            ),
            (
                CallFailure::Other {
                    at: at(),
                    code: tonic::Code::Internal,
                    message: message(),
                },
                FAILED,
                "why",
            ),
        ] {
            let failure = Failure::from(failure);
            assert_eq!((failure.code, failure.message.as_str()), (code, text));
        }
    }
}
