//! `branchd promote`.

use serde_json::json;

use super::failure::Failure;
use super::operator_call::{for_change, on_one_thread};
use super::output::print;
use crate::args::MemberArguments;

/// Makes a learner a voter.
///
/// # Errors
/// Exit code 3 if the bank has no such branch, the branch does not answer, or 5 branches vote already; 1 if the bank does not
/// answer, or the branch has not caught up in time.
pub(super) fn promote(arguments: &MemberArguments) -> Result<(), Failure> {
    let branch = arguments.branch;
    let operator = for_change(&arguments.to, &arguments.proof)?;
    let promoted = on_one_thread(async { Ok(operator.promote(branch).await?) })?;
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
