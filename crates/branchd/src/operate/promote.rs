//! `branchd promote`.

use bank_proto::v1;
use serde_json::json;

use super::failure::Failure;
use super::operator_call::{CHANGE_TIMEOUT, on_one_thread, reach, refused, within};
use super::output::print;
use super::token::given_secret;
use crate::args::MemberArguments;

/// Makes a learner a voter.
///
/// # Errors
/// Exit code 3 if the bank has no such branch, the branch does not answer, or 5 branches vote already; 1 if the bank does not
/// answer, or the branch has not caught up in time.
pub(super) fn promote(arguments: &MemberArguments) -> Result<(), Failure> {
    let branch = arguments.branch;
    let secret = given_secret(&arguments.secret.secret_file)?;
    let promoted = on_one_thread(async {
        let mut client = reach(&arguments.to, Some(secret)).await?;
        Ok(client
            .promote(within(CHANGE_TIMEOUT, v1::PromoteRequest { branch }))
            .await
            .map_err(|status| refused(&status))?
            .into_inner())
    })?;
    if arguments.json {
        let answer = json!({ "bank_id": promoted.bank_id, "branch": branch, "voters": promoted.voters });
        return print(&format!("{answer}\n"));
    }
    let voters: Vec<String> = promoted.voters.iter().map(ToString::to_string).collect();
    print(&format!(
        "branch {branch} votes in bank {}\nvoting: {}\n",
        promoted.bank_id,
        voters.join(", ")
    ))
}
