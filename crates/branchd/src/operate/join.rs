//! `branchd join`.

use bank_proto::v1;
use serde_json::json;

use super::failure::Failure;
use super::operator_call::{CHANGE_TIMEOUT, on_one_thread, reach, refused, within};
use super::output::print;
use super::token::given_secret;
use crate::args::JoinArguments;

/// Lets a branch join a bank.
///
/// # Errors
/// Exit code 3 if the branch has another bank, or the branch that it would replace still answers; 1 if a branch does not answer,
/// or the new branch has not caught up in time.
pub(super) fn join(arguments: &JoinArguments) -> Result<(), Failure> {
    let (branch, address) = arguments.branch.clone();
    let request = v1::JoinRequest {
        branch: Some(v1::BranchAddress {
            branch,
            address: address.clone(),
        }),
    };
    let secret = given_secret(&arguments.secret.secret_file)?;
    let joined = on_one_thread(async {
        let mut client = reach(&arguments.to, Some(secret)).await?;
        Ok(client
            .join(within(CHANGE_TIMEOUT, request))
            .await
            .map_err(|status| refused(&status))?
            .into_inner())
    })?;
    if arguments.json {
        let answer = json!({
            "bank_id": joined.bank_id, "branch": branch, "address": address, "voter": joined.voter,
            "replaced": joined.replaced, "position": joined.position,
        });
        return print(&format!("{answer}\n"));
    }
    let how = if joined.replaced {
        "has taken the lost one's place in"
    } else {
        "has joined"
    };
    let part = if joined.voter { "votes" } else { "learns" };
    print(&format!(
        "branch {branch} {how} bank {}: it {part}, at position {}\n",
        joined.bank_id, joined.position
    ))
}
