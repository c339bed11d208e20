//! `branchd remove`.

use serde_json::json;

use super::failure::Failure;
use super::operator_call::{for_change, on_one_thread};
use super::output::print;
use crate::args::MemberArguments;

/// Removes a branch from its bank.
///
/// # Errors
/// Exit code 3 if the bank has no such branch, or too few of the remaining voters answer; 1 if the bank does not answer.
pub(super) fn remove(arguments: &MemberArguments) -> Result<(), Failure> {
    let branch = arguments.branch;
    let operator = for_change(&arguments.to, &arguments.proof)?;
    let removed = on_one_thread(async { Ok(operator.remove(branch).await?) })?;
    if arguments.json {
        let answer = json!({ "bank_id": removed.bank_id, "branch": branch });
        return print(&format!("{answer}\n"));
    }
    print(&format!("branch {branch} is out of bank {}\n", removed.bank_id))
}
