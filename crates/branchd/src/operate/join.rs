//! `branchd join`.

use serde_json::json;

use super::failure::Failure;
use super::operator_call::{branch, for_change, on_one_thread};
use super::output::print;
use crate::args::JoinArguments;

/// Lets a branch join a bank.
///
/// # Errors
/// Exit code 3 if the branch has another bank, or the branch that it would replace still answers; 1 if a branch does not answer,
/// or the new branch has not caught up in time.
pub(super) fn join(arguments: &JoinArguments) -> Result<(), Failure> {
    let number = arguments.branch.branch;
    let joiner = branch(&arguments.branch)?;
    let operator = for_change(&arguments.to, &arguments.proof)?;
    let joined = on_one_thread(async { Ok(operator.join(&joiner).await?) })?;
    if arguments.json {
        let answer = json!({
            "bank_id": joined.bank_id, "branch": number, "address": joiner.address,
            "peer_address": joiner.peer_address, "voter": joined.voter, "replaced": joined.replaced,
            "position": joined.position,
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
        "branch {number} {how} bank {}: it {part}, at position {}\n",
        joined.bank_id, joined.position
    ))
}
