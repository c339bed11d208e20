//! `branchd remove`.

use bank_proto::v1;
use serde_json::json;

use super::failure::Failure;
use super::operator_call::{CHANGE_TIMEOUT, on_one_thread, reach, refused, within};
use super::output::print;
use super::token::given_secret;
use crate::args::MemberArguments;

/// Removes a branch from its bank.
///
/// # Errors
/// Exit code 3 if the bank has no such branch, or too few of the remaining voters answer; 1 if the bank does not answer.
pub(super) fn remove(arguments: &MemberArguments) -> Result<(), Failure> {
    let branch = arguments.branch;
    let secret = given_secret(&arguments.secret.secret_file)?;
    let removed = on_one_thread(async {
        let mut client = reach(&arguments.to, Some(secret)).await?;
        Ok(client
            .remove(within(CHANGE_TIMEOUT, v1::RemoveRequest { branch }))
            .await
            .map_err(|status| refused(&status))?
            .into_inner())
    })?;
    if arguments.json {
        let answer = json!({ "bank_id": removed.bank_id, "branch": branch });
        return print(&format!("{answer}\n"));
    }
    print(&format!("branch {branch} is out of bank {}\n", removed.bank_id))
}
