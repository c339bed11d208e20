//! `branchd init`.

use bank_client::{BankFile, Branch};
use serde_json::json;

use super::failure::{FAILED, Failure, USAGE};
use super::operator_call::{branch, for_change, on_one_thread};
use super::output::print;
use crate::args::InitArguments;

/// Founds a bank.
///
/// # Errors
/// Exit code 2 if the request is wrong, 3 if one of the branches has a bank already, 1 if one of them does not answer.
pub(super) fn init(arguments: &InitArguments) -> Result<(), Failure> {
    let mut branches = arguments.branches.iter().map(branch).collect::<Result<Vec<_>, _>>()?;
    branches.sort_by_key(|b| b.branch);
    let Some(first) = branches.first() else {
        return Err(Failure::new(
            USAGE,
            "name at least one branch: --branch 1=127.0.0.1:50001",
        ));
    };
    let operator = for_change(first.address.as_str(), &arguments.proof)?.expecting(None, Some(first.branch));
    let voters = arguments.voters.unwrap_or(0);
    let founded = on_one_thread(async { Ok(operator.init(&branches, arguments.balance, voters).await?) })?;

    if let Some(file) = &arguments.bank_file {
        let saved = BankFile::new(founded.bank_id, branches.iter().map(Branch::from).collect())
            .and_then(|bank| bank.save(file));
        saved.map_err(|error| Failure::new(FAILED, format!("bank {} is founded, but {error}", founded.bank_id)))?;
    }
    if arguments.json {
        let answer = json!({
            "bank_id": founded.bank_id, "branches": branches, "voters": founded.voters, "position": founded.position,
        });
        return print(&format!("{answer}\n"));
    }
    let voters: Vec<String> = founded.voters.iter().map(ToString::to_string).collect();
    let count = match branches.len() {
        1 => "1 branch".to_owned(),
        n => format!("{n} branches"),
    };
    print(&format!(
        "founded bank {}: {count}, main opens with {}\nvoting: {}\n",
        founded.bank_id,
        arguments.balance,
        voters.join(", "),
    ))
}
